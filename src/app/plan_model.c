/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "app/plan_model.h"

#include "base/err.h"
#include "proofs/tree/tree.h"

#define DAY 86400.0
/* Reads of a node that miss everything near: 8 expander parents, and 2 of the 6 base parents.
 * source: reference/performance 2.1 */
#define FAR_READS 10.0
/* Of one partition with 18 challenges. source: reference/performance 1b, 2.4 */
#define DOMAIN_LOG2 27u
#define FULL_SCALARS 1.6e6 /* in each of L, A, B beside the quotient's */
#define ONES_LA 65e6
#define ONES_B 16.5e6
#define G2_COST 2.8 /* an addition in G2 in additions of G1 */
#define WITNESS_SECONDS 10.0
#define TRANSFORMS 6.0
#define GROUP_BYTES (UINT64_C(2) << 20) /* of a sector whose labels are on files */
#define PROOF_FILES_BYTES UINT64_C(64)
#define C1_JSON_BYTES UINT64_C(51000000)

enum { TREE_D, LABELS, PC2, C1, C2 };

const char *slk_plan_bound_name(slk_plan_bound bound)
{
    static const char *const names[SLK_PLAN_BOUNDS] = {"processor", "disk writes", "disk reads",
                                                       "random reads", "memory"};
    slk_assert(bound < SLK_PLAN_BOUNDS);
    return names[bound];
}

/* Takes the slower of what there is and one more. */
static void slower(double *seconds, slk_plan_bound *bound, double other, slk_plan_bound by)
{
    if (other > *seconds) {
        *seconds = other;
        *bound = by;
    }
}

/* Seconds a sector takes of each thing the whole machine shares. */
static double shared_seconds(slk_plan_bound *ret_bound, const slk_plan_stage *s,
                             const slk_plan_machine *m)
{
    double seconds = s->core_seconds / m->cores;
    *ret_bound = SLK_PLAN_PROCESSOR;
    slower(&seconds, ret_bound, (double)s->write_bytes / m->disk_write_bps, SLK_PLAN_DISK_WRITE);
    slower(&seconds, ret_bound, (double)s->read_bytes / m->disk_read_bps, SLK_PLAN_DISK_READ);
    slower(&seconds, ret_bound, s->random_reads / m->disk_iops, SLK_PLAN_DISK_IOPS);
    return seconds;
}

/* A stage that spreads over all cores. */
static void spread(slk_plan_stage *s, const slk_plan_machine *m)
{
    s->seconds = shared_seconds(&s->bound, s, m);
    s->sectors_a_day = DAY / s->seconds;
}

static uint64_t tree_bytes(const slk_sector_shape *shape, slk_tree_geometry g)
{
    return slk_tree_file_bytes(&g) * shape->base_trees;
}

/* Groups of `lanes` sectors side by side, as many of them as cores and memory carry. Two layers of each
 * sector are held: a single one lives on its own files, a group on files of its own where memory does
 * not suffice. */
static void plan_groups(slk_plan *p, const slk_sector_shape *shape, const slk_plan_machine *m,
                        unsigned lanes, double ns)
{
    slk_plan_stage *s = &p->stage[LABELS];
    const double nodes = (double)shape->nodes * shape->layers;
    /* A tenth of the memory is for everything else. */
    p->group_bytes = 2 * shape->bytes * lanes;
    const uint64_t fit = m->memory_bytes / 10 * 9 / p->group_bytes;
    p->labels_in_memory = fit > 0;
    p->groups = fit > 0 && fit < m->cores ? (unsigned)fit : m->cores;
    p->lanes = lanes;
    *s = (slk_plan_stage){.name = lanes > 1 ? "labels, batch" : "labels, one sector",
                          .core_seconds = 1e-9 * nodes * ns,
                          .disk_bytes = shape->bytes * shape->layers};
    s->memory_bytes =
        p->labels_in_memory ? p->group_bytes * p->groups : GROUP_BYTES * lanes * p->groups;
    s->write_bytes = s->disk_bytes * (p->labels_in_memory || lanes == 1 ? 1 : 2);
    s->random_reads = p->labels_in_memory ? 0 : FAR_READS * nodes / lanes;
    s->seconds = s->core_seconds * lanes;
    s->bound = p->labels_in_memory && p->groups < m->cores ? SLK_PLAN_MEMORY : SLK_PLAN_PROCESSOR;
    slk_plan_bound bound;
    const double others = shared_seconds(&bound, s, m) * lanes * p->groups;
    if (bound != SLK_PLAN_PROCESSOR)
        slower(&s->seconds, &s->bound, others, bound);
    s->sectors_a_day = DAY * lanes * p->groups / s->seconds;
}

static void plan_labels(slk_plan *p, const slk_sector_shape *shape, const slk_plan_machine *m,
                        bool batch)
{
    plan_groups(p, shape, m, 1, m->label_one_ns);
    for (unsigned i = 0; batch && i < m->n_kernels; i++) {
        slk_plan other = *p;
        plan_groups(&other, shape, m, m->kernel[i].lanes, m->kernel[i].ns);
        if (i == 0 || other.stage[LABELS].sectors_a_day > p->stage[LABELS].sectors_a_day)
            *p = other;
    }
}

static void plan_c1(slk_plan_stage *s, const slk_sector_shape *shape, const slk_plan_machine *m)
{
    /* Of 15 columns the labels and a path, of the data and the replica a path. */
    const double levels = shape->base_depth + 1.0;
    const double challenges = (double)shape->partitions * shape->challenges;
    s->name = "c1";
    s->random_reads = challenges * (15 * (shape->layers + levels) + shape->log2_nodes + levels);
    s->memory_bytes = UINT64_C(8) << 20;
    spread(s, m);
}

static void plan_c2(slk_plan_stage *s, const slk_sector_shape *shape, const slk_plan_machine *m)
{
    const double domain = (double)(UINT64_C(1) << DOMAIN_LOG2);
    const double full = domain + FULL_SCALARS * (3 + G2_COST);
    const double ones = 2 * ONES_LA + ONES_B * (1 + G2_COST);
    const double butterflies = TRANSFORMS * DOMAIN_LOG2 * domain / 2;
    s->name = "c2";
    s->core_seconds =
        shape->partitions *
        (WITNESS_SECONDS + 1e-9 * (full * m->scalar_point_ns + ones * m->one_point_ns +
                                   butterflies * m->butterfly_ns));
    s->memory_bytes = m->snark_memory_bytes;
    /* The H query, a good quarter of the file, is read for every partition unless memory keeps it. */
    s->read_bytes = m->parameters_bytes;
    if (m->memory_bytes < s->memory_bytes + m->parameters_bytes / 4)
        s->read_bytes += (shape->partitions - 1) * (m->parameters_bytes / 4);
    spread(s, m);
}

void slk_plan_make(slk_plan *ret_plan, const slk_sector_shape *shape,
                   const slk_plan_machine *machine, bool batch)
{
    slk_plan p = {.core_seconds = 0};
    const double nodes = (double)shape->nodes;
    slk_assert(shape->partitions == 10 && shape->layers == 11);
    const uint64_t tree_d = tree_bytes(shape, slk_tree_d_geometry(shape)) / shape->base_trees;
    const uint64_t tree_c = tree_bytes(shape, slk_tree_c_geometry(shape));
    const uint64_t tree_r = tree_bytes(shape, slk_tree_r_geometry(shape));
    p.stage[TREE_D] = (slk_plan_stage){.name = "tree-d",
                                       .core_seconds = 1e-9 * nodes * machine->pair_ns,
                                       .memory_bytes = (UINT64_C(1) << 20) * machine->cores,
                                       .disk_bytes = tree_d + shape->bytes,
                                       .read_bytes = shape->bytes,
                                       .write_bytes = tree_d + shape->bytes};
    spread(&p.stage[TREE_D], machine);
    plan_labels(&p, shape, machine, batch);
    p.stage[PC2] = (slk_plan_stage){
        .name = "pc2",
        .core_seconds = 1e-9 * (nodes * machine->column_ns + 2 * nodes / 7 * machine->node_ns),
        .memory_bytes = (UINT64_C(5) << 19) * machine->cores,
        .disk_bytes = tree_c + tree_r + shape->bytes,
        .read_bytes = shape->bytes * (shape->layers + 1),
        .write_bytes = tree_c + tree_r + shape->bytes};
    spread(&p.stage[PC2], machine);
    plan_c1(&p.stage[C1], shape, machine);
    plan_c2(&p.stage[C2], shape, machine);
    slk_plan_stage all = {.name = "all"};
    for (size_t i = 0; i < SLK_PLAN_STAGES; i++) {
        all.core_seconds += p.stage[i].core_seconds;
        all.read_bytes += p.stage[i].read_bytes;
        all.write_bytes += p.stage[i].write_bytes;
        all.random_reads += p.stage[i].random_reads;
        p.disk_bytes += p.stage[i].disk_bytes;
    }
    p.core_seconds = all.core_seconds;
    p.sectors_a_day = DAY / shared_seconds(&p.bound, &all, machine);
    if (p.stage[LABELS].sectors_a_day < p.sectors_a_day) {
        p.sectors_a_day = p.stage[LABELS].sectors_a_day;
        p.bound = p.stage[LABELS].bound;
    }
    p.network_bytes = shape->bytes + tree_r + PROOF_FILES_BYTES + C1_JSON_BYTES;
    p.network_bps = 8 * (double)p.network_bytes * p.sectors_a_day / DAY;
    *ret_plan = p;
}
