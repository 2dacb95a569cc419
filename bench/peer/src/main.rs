// SPDX-License-Identifier: MIT OR Apache-2.0
//! One stage of sealing by the official crates, timed: `peer STAGE key=value…` prints one JSON object
//! with `seconds` (of the stage alone; set-up, maps and digests for comparison are outside) and what
//! is needed to see that Selkie computed the same.
use std::collections::HashMap;
use std::fs::{create_dir_all, read, write, File, OpenOptions};
use std::path::PathBuf;
use std::time::Instant;

use anyhow::{ensure, Context, Result};
use bellperson::groth16;
use blstrs::{Bls12, G1Affine, G2Affine, Scalar};
use ff::{Field, PrimeField};
use filecoin_hashers::Hasher;
use filecoin_proofs::{
    parameters::public_params, with_shape, Commitment, DefaultPieceHasher, PaddedBytesAmount,
    PieceInfo, PoRepConfig, SealCommitPhase1Output, SealPreCommitOutput, SealPreCommitPhase1Output,
    UnpaddedBytesAmount,
};
use group::prime::PrimeCurveAffine;
use memmap2::MmapOptions;
use merkletree::store::StoreConfig;
use neptune::poseidon::{Poseidon, PoseidonConstants};
use serde_json::{json, Value};
use sha2::{Digest, Sha256};
use storage_proofs_core::{
    api_version::ApiVersion,
    cache_key::CacheKey,
    compound_proof::CompoundProof,
    merkle::{create_base_merkle_tree, BinaryMerkleTree, MerkleTreeTrait},
    parameter_cache::CacheableParameters,
    sector::SectorId,
};
use storage_proofs_porep::stacked::{
    generate_replica_id, StackedCircuit, StackedCompound, StackedDrg,
};

/// The arguments of one call; every stage asks for those it needs.
struct Arguments(HashMap<String, String>);

impl Arguments {
    fn parse(list: impl Iterator<Item = String>) -> Result<Self> {
        let mut map = HashMap::new();
        for item in list {
            let (key, value) = item.split_once('=').context("arguments are key=value")?;
            map.insert(key.to_string(), value.to_string());
        }
        Ok(Arguments(map))
    }
    fn text(&self, key: &str) -> Result<&str> {
        Ok(self.0.get(key).with_context(|| format!("{key}= is missing"))?)
    }
    fn path(&self, key: &str) -> Result<PathBuf> {
        Ok(PathBuf::from(self.text(key)?))
    }
    fn number(&self, key: &str) -> Result<u64> {
        Ok(self.text(key)?.parse()?)
    }
    fn bytes32(&self, key: &str) -> Result<[u8; 32]> {
        let mut out = [0; 32];
        hex::decode_to_slice(self.text(key)?, &mut out).with_context(|| key.to_string())?;
        Ok(out)
    }
}

/// What names a sector and its proof.
struct Statement {
    config: PoRepConfig,
    prover: [u8; 32],
    sector: SectorId,
    ticket: [u8; 32],
}

impl Statement {
    fn read(a: &Arguments) -> Result<Self> {
        let mut porep_id = [0u8; 32];
        porep_id[..8].copy_from_slice(&a.number("porep")?.to_le_bytes());
        let mut prover = [0u8; 32];
        let mut rest = a.number("miner")?;
        for byte in prover.iter_mut() {
            *byte = (rest & 0x7f) as u8;
            rest >>= 7;
            if rest == 0 {
                break;
            }
            *byte |= 0x80;
        }
        Ok(Statement {
            config: PoRepConfig::new_groth16(a.number("size")?, porep_id, ApiVersion::V1_1_0),
            prover,
            sector: SectorId::from(a.number("sector")?),
            ticket: a.bytes32("ticket")?,
        })
    }
}

fn digest_of(path: &PathBuf) -> Result<String> {
    let mut hash = Sha256::new();
    std::io::copy(&mut File::open(path)?, &mut hash)?;
    Ok(hex::encode(hash.finalize()))
}

/// The sector as one piece, so that its commitment is CommD.
fn whole_piece(a: &Arguments) -> Result<Vec<PieceInfo>> {
    let unpadded: UnpaddedBytesAmount = PaddedBytesAmount(a.number("size")?).into();
    Ok(vec![PieceInfo::new(a.bytes32("comm_d")?, unpadded)?])
}

/// Hashes of counting field elements on one thread; the digest is over all results.
fn poseidon(a: &Arguments) -> Result<Value> {
    let count = a.number("count")?;
    let mut rows = serde_json::Map::new();
    macro_rules! arity {
        ($width:ty, $arity:expr) => {{
            let constants = PoseidonConstants::<Scalar, $width>::new();
            let mut hash = Sha256::new();
            let mut spent = 0.0;
            for i in 0..count {
                let input: Vec<Scalar> =
                    (0..$arity).map(|j| Scalar::from(i * $arity + j)).collect();
                let start = Instant::now();
                let out = Poseidon::new_with_preimage(&input, &constants).hash();
                spent += start.elapsed().as_secs_f64();
                hash.update(out.to_repr());
            }
            rows.insert(
                $arity.to_string(),
                json!({"seconds_each": spent / count as f64, "digest": hex::encode(hash.finalize())}),
            );
        }};
    }
    arity!(typenum::U2, 2u64);
    arity!(typenum::U8, 8u64);
    arity!(typenum::U11, 11u64);
    Ok(json!({ "arities": rows }))
}

/// The data's copy where it will be sealed, and the tree with its file: how the crates begin PC1.
fn tree_d(a: &Arguments) -> Result<Value> {
    let (unsealed, sealed) = (a.path("unsealed")?, a.path("sealed")?);
    let file = File::open(&unsealed)?;
    let size = a.number("size")? as usize;
    let cache = a.path("cache")?;
    create_dir_all(&cache)?;
    let data = unsafe { MmapOptions::new().map(&file)? };
    let config = StoreConfig::new(&cache, CacheKey::CommDTree.to_string(), 0);
    let start = Instant::now();
    std::fs::copy(&unsealed, &sealed)?;
    let tree = create_base_merkle_tree::<BinaryMerkleTree<DefaultPieceHasher>>(
        Some(config),
        size / 32,
        &data,
    )?;
    let seconds = start.elapsed().as_secs_f64();
    let root: Scalar = tree.root().into();
    Ok(json!({"seconds": seconds, "comm_d": hex::encode(root.to_repr())}))
}

/// The layers alone: FIL_PROOFS_USE_MULTICORE_SDR chooses between the two ways the crates have. The
/// last layer's digest is for comparison.
fn labels<Tree: 'static + MerkleTreeTrait>(a: &Arguments) -> Result<Value> {
    let s = Statement::read(a)?;
    let cache = a.path("cache")?;
    create_dir_all(&cache)?;
    let replica_id = generate_replica_id::<Tree::Hasher, _>(
        &s.prover,
        s.sector.into(),
        &s.ticket,
        a.bytes32("comm_d")?,
        &s.config.porep_id,
    );
    let start = Instant::now();
    filecoin_proofs::sdr::<_, Tree>(&s.config, &cache, &replica_id)?;
    let seconds = start.elapsed().as_secs_f64();
    let layers = public_params::<Tree>(&s.config)?.num_layers;
    let last = StoreConfig::data_path(&cache, &CacheKey::label_layer(layers));
    Ok(json!({"seconds": seconds, "last_layer_sha256": digest_of(&last)?}))
}

fn pc1<Tree: 'static + MerkleTreeTrait>(a: &Arguments) -> Result<Value> {
    let s = Statement::read(a)?;
    let (cache, sealed) = (a.path("cache")?, a.path("sealed")?);
    create_dir_all(&cache)?;
    OpenOptions::new().create(true).truncate(true).write(true).open(&sealed)?;
    let pieces = whole_piece(a)?;
    let start = Instant::now();
    let out = filecoin_proofs::seal_pre_commit_phase1::<_, _, _, Tree>(
        &s.config, &cache, &a.path("unsealed")?, &sealed, s.prover, s.sector, s.ticket, &pieces,
    )?;
    let seconds = start.elapsed().as_secs_f64();
    write(a.path("out")?, serde_json::to_vec(&out)?)?;
    Ok(json!({"seconds": seconds, "comm_d": hex::encode(out.comm_d)}))
}

fn pc2<Tree: 'static + MerkleTreeTrait>(a: &Arguments) -> Result<Value> {
    let s = Statement::read(a)?;
    let before: SealPreCommitPhase1Output<Tree> = serde_json::from_slice(&read(a.path("in")?)?)?;
    let start = Instant::now();
    let out = filecoin_proofs::seal_pre_commit_phase2::<_, _, Tree>(
        &s.config,
        before,
        a.path("cache")?,
        a.path("sealed")?,
    )?;
    let seconds = start.elapsed().as_secs_f64();
    Ok(json!({"seconds": seconds, "comm_r": hex::encode(out.comm_r)}))
}

fn c1<Tree: 'static + MerkleTreeTrait>(a: &Arguments) -> Result<Value> {
    let s = Statement::read(a)?;
    let before = SealPreCommitOutput { comm_r: a.bytes32("comm_r")?, comm_d: a.bytes32("comm_d")? };
    let (cache, sealed, pieces) = (a.path("cache")?, a.path("sealed")?, whole_piece(a)?);
    let start = Instant::now();
    let out = filecoin_proofs::seal_commit_phase1::<_, Tree>(
        &s.config, &cache, &sealed, s.prover, s.sector, s.ticket, a.bytes32("seed")?, before, &pieces,
    )?;
    let seconds = start.elapsed().as_secs_f64();
    write(a.path("out")?, serde_json::to_vec(&out)?)?;
    Ok(json!({ "seconds": seconds }))
}

/// The proof without the check of it that seal_commit_phase2 adds, with the parameters in memory maps.
fn c2<Tree: 'static + MerkleTreeTrait>(a: &Arguments) -> Result<Value> {
    let s = Statement::read(a)?;
    let before: SealCommitPhase1Output<Tree> = serde_json::from_slice(&read(a.path("in")?)?)?;
    let whole = Instant::now();
    let made = filecoin_proofs::seal_commit_phase2_circuit_proofs::<Tree>(
        &s.config, before, s.sector,
    )?;
    let seconds = whole.elapsed().as_secs_f64();
    write(a.path("out")?, &made.proof)?;
    Ok(json!({ "seconds": seconds }))
}

fn verify<Tree: 'static + MerkleTreeTrait>(a: &Arguments) -> Result<Value> {
    let s = Statement::read(a)?;
    let (comm_r, comm_d, seed): (Commitment, Commitment, _) =
        (a.bytes32("comm_r")?, a.bytes32("comm_d")?, a.bytes32("seed")?);
    let proof = read(a.path("in")?)?;
    let (runs, batch) = (a.number("runs")?, a.number("batch")? as usize);
    let (mut one, mut many) = (f64::MAX, f64::MAX);
    for _ in 0..=runs {
        let start = Instant::now();
        ensure!(
            filecoin_proofs::verify_seal::<Tree>(
                &s.config, comm_r, comm_d, s.prover, s.sector, s.ticket, seed, &proof
            )?,
            "the proof is refused"
        );
        one = one.min(start.elapsed().as_secs_f64());
        let start = Instant::now();
        ensure!(
            filecoin_proofs::verify_batch_seal::<Tree>(
                &s.config,
                &vec![comm_r; batch],
                &vec![comm_d; batch],
                &vec![s.prover; batch],
                &vec![s.sector; batch],
                &vec![s.ticket; batch],
                &vec![seed; batch],
                &vec![&proof[..]; batch],
            )?,
            "the batch is refused"
        );
        many = many.min(start.elapsed().as_secs_f64());
    }
    Ok(json!({"seconds": one, "batch_seconds": many, "batch": batch}))
}

/// TreeR again from the sealed file.
fn check<Tree: 'static + MerkleTreeTrait>(a: &Arguments) -> Result<Value> {
    let out = a.path("out")?;
    create_dir_all(&out)?;
    let start = Instant::now();
    let root = filecoin_proofs::generate_tree_r_last::<_, _, Tree>(
        a.number("size")?,
        a.path("sealed")?,
        &out,
    )?;
    let seconds = start.elapsed().as_secs_f64();
    let root: <Tree::Hasher as Hasher>::Domain = root;
    Ok(json!({"seconds": seconds, "root": hex::encode::<&[u8]>(root.as_ref())}))
}

/// Development parameters from fixed secrets; nothing is written.
fn params<Tree: 'static + MerkleTreeTrait>(a: &Arguments) -> Result<Value> {
    let mut porep_id = [0u8; 32];
    porep_id[..8].copy_from_slice(&a.number("porep")?.to_le_bytes());
    let config = PoRepConfig::new_groth16(a.number("size")?, porep_id, ApiVersion::V1_1_0);
    let public = public_params::<Tree>(&config)?;
    let circuit = <StackedCompound<Tree, DefaultPieceHasher> as CompoundProof<
        StackedDrg<Tree, DefaultPieceHasher>,
        StackedCircuit<Tree, DefaultPieceHasher>,
    >>::blank_circuit(&public);
    StackedCompound::<Tree, DefaultPieceHasher>::get_param_metadata(circuit.clone(), &public)?;
    let secret = |n: u64| Scalar::from(n).square() + Scalar::ONE;
    let start = Instant::now();
    let made = groth16::generate_parameters::<Bls12, _>(
        circuit,
        G1Affine::generator().into(),
        G2Affine::generator().into(),
        secret(11), secret(12), secret(13), secret(14), secret(15),
    )?;
    Ok(json!({"seconds": start.elapsed().as_secs_f64(), "h": made.h.len(), "l": made.l.len()}))
}

fn main() -> Result<()> {
    let mut list = std::env::args().skip(1);
    let stage = list.next().context("usage: peer STAGE key=value…")?;
    let a = Arguments::parse(list)?;
    let answer = match stage.as_str() {
        "poseidon" => poseidon(&a)?,
        "tree-d" => tree_d(&a)?,
        name => {
            let size = a.number("size")?;
            match name {
                "labels" => with_shape!(size, labels, &a)?,
                "pc1" => with_shape!(size, pc1, &a)?,
                "pc2" => with_shape!(size, pc2, &a)?,
                "c1" => with_shape!(size, c1, &a)?,
                "c2" => with_shape!(size, c2, &a)?,
                "verify" => with_shape!(size, verify, &a)?,
                "check" => with_shape!(size, check, &a)?,
                "params" => with_shape!(size, params, &a)?,
                _ => anyhow::bail!("no stage is called {name}"),
            }
        }
    };
    println!("{answer}");
    Ok(())
}
