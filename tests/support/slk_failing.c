/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Preloaded into a process (LD_PRELOAD), makes its n-th call of a kind fail: for
 * tests/e2e/failing_test.py.
 *
 * SLK_FAILING is KIND:N:ERROR[:on]. KIND is one of kind_names; N counts from 1, 0 never fails; ERROR is a
 * number of errno.h, or 0 for a transfer of half the bytes (read and write alone); with ":on" all later
 * calls fail, too. SLK_FAILING_TALLY names a file of KIND_COUNT little-endian uint64 into which the calls
 * of each kind are counted. Allocations are those of the program itself, not of its libraries, which are
 * not ours to mend; the other kinds are counted whoever calls, SQLite above all. Writes to the first
 * three descriptors and what stdio does on its own are left alone. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum kind {
    KIND_ALLOC,
    KIND_OPEN,
    KIND_READ,
    KIND_WRITE,
    KIND_FSYNC,
    KIND_RENAME,
    KIND_RESIZE,
    KIND_MMAP,
    KIND_SOCKET,
    KIND_MKDIR,
    KIND_COUNT
};
static const char *const kind_names[KIND_COUNT] = {"alloc",  "open",   "read", "write",  "fsync",
                                                   "rename", "resize", "mmap", "socket", "mkdir"};

/* Set once, before main, by begin(); read by all threads afterwards. */
static struct {
    _Atomic uint64_t *tally; /* NULL until the plan is read, and in processes without one */
    enum kind kind;
    uint64_t nth;
    int error;
    bool on;
    uintptr_t program_begin, program_end;
} plan;

/* source: glibc, malloc/malloc.c: the allocator beneath whatever stands in front of it */
void *__libc_malloc(size_t bytes);
void *__libc_calloc(size_t n, size_t bytes);
void *__libc_realloc(void *p, size_t bytes);

enum verdict { PASS, FAIL, HALF };

static enum verdict judge(enum kind kind)
{
    if (!plan.tally)
        return PASS;
    const uint64_t n = atomic_fetch_add(&plan.tally[kind], 1) + 1;
    if (kind != plan.kind || !plan.nth || (plan.on ? n < plan.nth : n != plan.nth))
        return PASS;
    if (!plan.error)
        return HALF;
    errno = plan.error;
    return FAIL;
}

static bool by_program(const void *caller)
{
    const uintptr_t at = (uintptr_t)caller;
    return at >= plan.program_begin && at < plan.program_end;
}

static bool alloc_fails(const void *caller)
{
    return plan.tally && by_program(caller) && judge(KIND_ALLOC) == FAIL;
}

/* dl_iterate_phdr names the program first. */
static int note_program(struct dl_phdr_info *info, size_t bytes, void *context)
{
    (void)bytes;
    (void)context;
    for (size_t i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &info->dlpi_phdr[i];
        if (part->p_type != PT_LOAD || !(part->p_flags & PF_X))
            continue;
        plan.program_begin = (uintptr_t)(info->dlpi_addr + part->p_vaddr);
        plan.program_end = plan.program_begin + (uintptr_t)part->p_memsz;
    }
    return 1;
}

__attribute__((constructor)) static void begin(void)
{
    char kind[16];
    char on[4] = "";
    unsigned long long nth;
    const char *text = getenv("SLK_FAILING");
    const char *path = getenv("SLK_FAILING_TALLY");
    if (!text || !path || sscanf(text, "%15[a-z]:%llu:%d:%3s", kind, &nth, &plan.error, on) < 3)
        return;
    while (plan.kind < KIND_COUNT && strcmp(kind, kind_names[plan.kind]) != 0)
        plan.kind++;
    plan.nth = nth;
    plan.on = on[0] != '\0';
    (void)dl_iterate_phdr(note_program, NULL);
    const int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return;
    void *tally =
        mmap(NULL, KIND_COUNT * sizeof(uint64_t), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    (void)close(fd);
    if (tally != MAP_FAILED)
        plan.tally = tally;
}

/* The function of this name in the library behind ours. A pointer to data becomes one to a function by
 * copying its bytes, as POSIX has it for dlsym. */
static void find(void *ret_function, const char *name)
{
    void *found = dlsym(RTLD_NEXT, name);
    if (!found)
        abort();
    memcpy(ret_function, &found, sizeof found);
}

#define ALLOC_FAILS() alloc_fails(__builtin_return_address(0))

void *malloc(size_t bytes)
{
    return ALLOC_FAILS() ? NULL : __libc_malloc(bytes);
}

void *calloc(size_t n, size_t bytes)
{
    return ALLOC_FAILS() ? NULL : __libc_calloc(n, bytes);
}

void *realloc(void *p, size_t bytes)
{
    return ALLOC_FAILS() ? NULL : __libc_realloc(p, bytes);
}

static char *copy_of(const char *text, size_t n)
{
    char *copy = __libc_malloc(n + 1);
    if (!copy)
        return NULL;
    memcpy(copy, text, n);
    copy[n] = '\0';
    return copy;
}

char *strdup(const char *text)
{
    return ALLOC_FAILS() ? NULL : copy_of(text, strlen(text));
}

char *strndup(const char *text, size_t n)
{
    return ALLOC_FAILS() ? NULL : copy_of(text, strnlen(text, n));
}

static int print(char **ret_text, const char *format, va_list args)
{
    va_list again;
    va_copy(again, args);
    const int n = vsnprintf(NULL, 0, format, again);
    va_end(again);
    char *text = n < 0 ? NULL : __libc_malloc((size_t)n + 1);
    if (!text)
        return -1;
    *ret_text = text;
    return vsnprintf(text, (size_t)n + 1, format, args);
}

int vasprintf(char **ret_text, const char *format, va_list args)
{
    return ALLOC_FAILS() ? -1 : print(ret_text, format, args);
}

int __vasprintf_chk(char **ret_text, int flag, const char *format, va_list args);
int __vasprintf_chk(char **ret_text, int flag, const char *format, va_list args)
{
    (void)flag;
    return ALLOC_FAILS() ? -1 : print(ret_text, format, args);
}

int openat(int folder, const char *path, int flags, ...)
{
    va_list args;
    va_start(args, flags);
    const mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(args, mode_t) : 0;
    va_end(args);
    int (*next)(int, const char *, int, ...);
    find(&next, "openat");
    return judge(KIND_OPEN) == FAIL ? -1 : next(folder, path, flags, mode);
}

int open(const char *path, int flags, ...)
{
    va_list args;
    va_start(args, flags);
    const mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(args, mode_t) : 0;
    va_end(args);
    return openat(AT_FDCWD, path, flags, mode);
}

int open64(const char *path, int flags, ...)
{
    va_list args;
    va_start(args, flags);
    const mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(args, mode_t) : 0;
    va_end(args);
    return openat(AT_FDCWD, path, flags, mode);
}

int __open_2(const char *path, int flags);
int __open_2(const char *path, int flags)
{
    return openat(AT_FDCWD, path, flags);
}

int __open64_2(const char *path, int flags);
int __open64_2(const char *path, int flags)
{
    return openat(AT_FDCWD, path, flags);
}

int __openat_2(int folder, const char *path, int flags);
int __openat_2(int folder, const char *path, int flags)
{
    return openat(folder, path, flags);
}

FILE *fopen(const char *path, const char *mode)
{
    FILE *(*next)(const char *, const char *);
    find(&next, "fopen");
    return by_program(__builtin_return_address(0)) && judge(KIND_OPEN) == FAIL ? NULL
                                                                               : next(path, mode);
}

static ssize_t do_read(int fd, void *bytes, size_t n)
{
    ssize_t (*next)(int, void *, size_t);
    find(&next, "read");
    const enum verdict verdict = judge(KIND_READ);
    return verdict == FAIL ? -1 : next(fd, bytes, verdict == HALF && n > 1 ? n / 2 : n);
}

ssize_t read(int fd, void *bytes, size_t n)
{
    return do_read(fd, bytes, n);
}

ssize_t __read_chk(int fd, void *bytes, size_t n, size_t room);
ssize_t __read_chk(int fd, void *bytes, size_t n, size_t room)
{
    return n > room ? -1 : do_read(fd, bytes, n);
}

static ssize_t do_pread(int fd, void *bytes, size_t n, off_t at)
{
    ssize_t (*next)(int, void *, size_t, off_t);
    find(&next, "pread");
    const enum verdict verdict = judge(KIND_READ);
    return verdict == FAIL ? -1 : next(fd, bytes, verdict == HALF && n > 1 ? n / 2 : n, at);
}

ssize_t pread(int fd, void *bytes, size_t n, off_t at)
{
    return do_pread(fd, bytes, n, at);
}

ssize_t pread64(int fd, void *bytes, size_t n, off_t at)
{
    return do_pread(fd, bytes, n, at);
}

ssize_t __pread_chk(int fd, void *bytes, size_t n, off_t at, size_t room);
ssize_t __pread_chk(int fd, void *bytes, size_t n, off_t at, size_t room)
{
    return n > room ? -1 : do_pread(fd, bytes, n, at);
}

ssize_t write(int fd, const void *bytes, size_t n)
{
    ssize_t (*next)(int, const void *, size_t);
    find(&next, "write");
    const enum verdict verdict = fd > STDERR_FILENO ? judge(KIND_WRITE) : PASS;
    return verdict == FAIL ? -1 : next(fd, bytes, verdict == HALF && n > 1 ? n / 2 : n);
}

ssize_t pwrite(int fd, const void *bytes, size_t n, off_t at)
{
    ssize_t (*next)(int, const void *, size_t, off_t);
    find(&next, "pwrite");
    const enum verdict verdict = judge(KIND_WRITE);
    return verdict == FAIL ? -1 : next(fd, bytes, verdict == HALF && n > 1 ? n / 2 : n, at);
}

ssize_t pwrite64(int fd, const void *bytes, size_t n, off_t at)
{
    return pwrite(fd, bytes, n, at);
}

int fsync(int fd)
{
    int (*next)(int);
    find(&next, "fsync");
    return judge(KIND_FSYNC) == FAIL ? -1 : next(fd);
}

int fdatasync(int fd)
{
    int (*next)(int);
    find(&next, "fdatasync");
    return judge(KIND_FSYNC) == FAIL ? -1 : next(fd);
}

int rename(const char *from, const char *to)
{
    int (*next)(const char *, const char *);
    find(&next, "rename");
    return judge(KIND_RENAME) == FAIL ? -1 : next(from, to);
}

int renameat2(int from_folder, const char *from, int to_folder, const char *to, unsigned flags)
{
    int (*next)(int, const char *, int, const char *, unsigned);
    find(&next, "renameat2");
    return judge(KIND_RENAME) == FAIL ? -1 : next(from_folder, from, to_folder, to, flags);
}

int link(const char *from, const char *to)
{
    int (*next)(const char *, const char *);
    find(&next, "link");
    return judge(KIND_RENAME) == FAIL ? -1 : next(from, to);
}

int ftruncate(int fd, off_t bytes)
{
    int (*next)(int, off_t);
    find(&next, "ftruncate");
    return judge(KIND_RESIZE) == FAIL ? -1 : next(fd, bytes);
}

int ftruncate64(int fd, off_t bytes)
{
    return ftruncate(fd, bytes);
}

int fallocate(int fd, int mode, off_t at, off_t bytes)
{
    int (*next)(int, int, off_t, off_t);
    find(&next, "fallocate");
    return judge(KIND_RESIZE) == FAIL ? -1 : next(fd, mode, at, bytes);
}

int posix_fallocate(int fd, off_t at, off_t bytes)
{
    int (*next)(int, off_t, off_t);
    find(&next, "posix_fallocate");
    return judge(KIND_RESIZE) == FAIL ? plan.error : next(fd, at, bytes);
}

void *mmap(void *at, size_t bytes, int protection, int flags, int fd, off_t offset)
{
    void *(*next)(void *, size_t, int, int, int, off_t);
    find(&next, "mmap");
    return judge(KIND_MMAP) == FAIL ? MAP_FAILED : next(at, bytes, protection, flags, fd, offset);
}

void *mmap64(void *at, size_t bytes, int protection, int flags, int fd, off_t offset)
{
    return mmap(at, bytes, protection, flags, fd, offset);
}

int socket(int domain, int type, int protocol)
{
    int (*next)(int, int, int);
    find(&next, "socket");
    return judge(KIND_SOCKET) == FAIL ? -1 : next(domain, type, protocol);
}

int connect(int fd, __CONST_SOCKADDR_ARG address, socklen_t bytes)
{
    int (*next)(int, __CONST_SOCKADDR_ARG, socklen_t);
    find(&next, "connect");
    return judge(KIND_SOCKET) == FAIL ? -1 : next(fd, address, bytes);
}

int mkdir(const char *path, mode_t mode)
{
    int (*next)(const char *, mode_t);
    find(&next, "mkdir");
    return judge(KIND_MKDIR) == FAIL ? -1 : next(path, mode);
}
