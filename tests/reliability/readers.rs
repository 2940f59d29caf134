//! Every reader of what comes from outside, small whole files for each, and how it is called.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs;
use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use candle_core::quantized::{GgmlDType, QTensor, gguf_file};
use candle_core::{Device, Tensor};
use cupl_tui::clip::{Checkpoint, CheckpointSource, Precision};
use cupl_tui::dataset::picture::decode;
use cupl_tui::dataset::{ClassNameMap, Dataset, DatasetOptions, Picture};
use cupl_tui::hub::{Hub, HubSettings, Repository};
use cupl_tui::language_model::gguf::Gguf;
use cupl_tui::language_model::openai::{OpenAi, OpenAiSettings};
use cupl_tui::language_model::{LanguageModel, SampleRequest, Sampling};
use cupl_tui::prompts::{DESCRIPTOR_TEMPLATE, DescriptorTemplate, PromptSet};
use cupl_tui::store::{Key, Store};
use cupl_tui::workbench::generation::read_classes;
use cupl_tui::workbench::{Experiment, Memory, PublishedResults, Run};

use crate::kept::{copy_folder, files_below};
use crate::loopback::{Loopback, Reply};
use crate::mutation::{Chance, damaged};

/// A small whole file.
pub struct Seed {
    pub name: String,
    pub bytes: Vec<u8>,
}

/// Reads a file of this name: whether it was read, or refused.
type Read1 = Box<dyn Fn(&str, &[u8]) -> bool>;

/// Something that reads what comes from outside.
pub struct Reader {
    pub name: &'static str,
    pub seeds: Vec<Seed>,
    /// What is done to a damaged file so that its first checksums are right, and the fault is seen further within.
    mend: fn(Vec<u8>) -> Vec<u8>,
    pub read: Read1,
}

impl Reader {
    /// The file with this number: first the seeds as they are, then damaged ones.
    pub fn file(&self, number: usize) -> (&str, Vec<u8>) {
        if let Some(seed) = self.seeds.get(number) {
            return (&seed.name, seed.bytes.clone());
        }
        let of_reader = self.name.bytes().fold(0, |sum: u64, byte| sum.wrapping_mul(31) + u64::from(byte));
        let mut chance = Chance::new(of_reader << 32 | number as u64);
        let seed = &self.seeds[chance.below(self.seeds.len())];
        let other = &self.seeds[chance.below(self.seeds.len())];
        let file = damaged(&seed.bytes, &other.bytes, &mut chance);
        (&seed.name, if chance.happens(3) { file } else { (self.mend)(file) })
    }
}

fn fixtures(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(path)
}

/// Files of a folder.
fn seeds_in(folder: &Path, is_meant: impl Fn(&str) -> bool) -> Vec<Seed> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let seed = |path: &PathBuf| {
        let name = path.file_name()?.to_str()?.to_owned();
        (path.is_file() && is_meant(&name)).then(|| Seed { name, bytes: fs::read(path).unwrap() })
    };
    paths.iter().filter_map(seed).collect()
}

fn text_seeds(seeds: &[(&str, &str)]) -> Vec<Seed> {
    seeds
        .iter()
        .map(|(name, text)| Seed { name: (*name).to_owned(), bytes: text.as_bytes().to_vec() })
        .collect()
}

fn as_it_is(bytes: Vec<u8>) -> Vec<u8> {
    bytes
}

/// A reader of a file in a folder.
fn of_file(
    name: &'static str,
    folder: &Path,
    seeds: Vec<Seed>,
    mend: fn(Vec<u8>) -> Vec<u8>,
    read: impl Fn(&Path) -> bool + 'static,
) -> Reader {
    let folder = folder.join(name.replace(' ', "-"));
    fs::create_dir_all(&folder).unwrap();
    let read = move |name: &str, bytes: &[u8]| {
        let path = folder.join(name);
        fs::write(&path, bytes).unwrap();
        let read = read(&path);
        fs::remove_file(&path).unwrap();
        read
    };
    Reader { name, seeds, mend, read: Box::new(read) }
}

/// All of them; what they read lies below `folder` meanwhile.
pub fn readers(folder: &Path) -> Vec<Reader> {
    let mut all = pictures();
    all.extend(datasets(folder));
    all.extend(checkpoints(folder));
    all.extend(language_models(folder));
    all.extend(texts(folder));
    all.extend(servers(folder));
    all.extend(stores(folder));
    for reader in &mut all {
        // Files that brought something down once. What stands before two dashes is a folder.
        let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reliability/seeds");
        let own = seeds_in(&own.join(reader.name.replace(' ', "-")), |_| true);
        reader.seeds.extend(own.into_iter().map(|seed| Seed { name: seed.name.replace("--", "/"), ..seed }));
        assert!(!reader.seeds.is_empty(), "{} has no seeds", reader.name);
    }
    all
}

// Pictures.

fn pictures() -> Vec<Reader> {
    let of = |name: &'static str, endings: &'static [&'static str], mend: fn(Vec<u8>) -> Vec<u8>| {
        let is_meant = |name: &str| endings.iter().any(|ending| name.ends_with(ending));
        let mut seeds = seeds_in(&fixtures("pictures"), is_meant);
        seeds.extend(seeds_in(&fixtures("odd-pictures"), is_meant));
        let read = |_: &str, bytes: &[u8]| {
            let _told = Picture::Encoded(bytes.to_vec()).header();
            decode(bytes).is_ok()
        };
        Reader { name, seeds, mend, read: Box::new(read) }
    };
    vec![
        of("PNG", &[".png"], with_png_checksums),
        of("JPEG", &[".jpg"], as_it_is),
        of("GIF", &[".gif"], as_it_is),
        of("BMP", &[".bmp", ".dib"], as_it_is),
        of("TIFF", &[".tif"], as_it_is),
        of("WebP", &[".webp"], as_it_is),
        of("PNM", &[".ppm", ".pgm", ".pbm", ".pfm"], as_it_is),
    ]
}

fn with_png_checksums(mut bytes: Vec<u8>) -> Vec<u8> {
    let mut at = 8;
    while let Some(head) = bytes.get(at..at + 4) {
        let length = u32::from_be_bytes(head.try_into().unwrap()) as usize;
        let end = at.saturating_add(8).saturating_add(length);
        let Some(part) = bytes.get(at + 4..end) else { break };
        let sum = crc32fast::hash(part).to_be_bytes();
        let Some(place) = bytes.get_mut(end..end + 4) else { break };
        place.copy_from_slice(&sum);
        at = end + 4;
    }
    bytes
}

// Datasets.

/// Opens a dataset and decodes its first pictures.
fn open_dataset(path: &Path) -> bool {
    let Ok(dataset) = Dataset::open(path, &DatasetOptions::default()) else { return false };
    for image in dataset.images.iter().take(4) {
        let _decoded = image.source.decode();
    }
    true
}

fn tar(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    for (name, bytes) in members {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        archive.append_data(&mut header, name, *bytes).unwrap();
    }
    archive.into_inner().unwrap()
}

fn with_tar_checksums(mut bytes: Vec<u8>) -> Vec<u8> {
    let mut at = 0;
    while let Some(block) = bytes.get_mut(at..at + 512) {
        let mut header = tar::Header::new_old();
        header.as_mut_bytes().copy_from_slice(block);
        if block.iter().any(|byte| *byte != 0) {
            header.set_cksum();
            block.copy_from_slice(header.as_bytes());
        }
        let size = header.entry_size().unwrap_or(0).min(1 << 30) as usize;
        at += 512 + size.next_multiple_of(512);
    }
    bytes
}

fn gzipped(bytes: &[u8]) -> Vec<u8> {
    let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    writer.write_all(bytes).unwrap();
    writer.finish().unwrap()
}

/// Two records of CIFAR-10 and its names, as a pickle.
fn cifar_pickles() -> (Vec<u8>, Vec<u8>) {
    let text = |text: &str| [b"X", &(text.len() as u32).to_le_bytes()[..], text.as_bytes()].concat();
    let data = vec![7_u8; 2 * 3072];
    let mut records = b"\x80\x02}(".to_vec();
    records.extend(text("labels"));
    records.extend(b"](K\x00K\x01e");
    records.extend(text("data"));
    records.extend([b"T", &(data.len() as u32).to_le_bytes()[..], &data].concat());
    records.extend(b"u.");
    let mut names = b"\x80\x02}".to_vec();
    names.extend(text("label_names"));
    names.extend(b"](");
    for name in ["cat", "dog"] {
        names.extend(text(name));
    }
    names.extend(b"es.");
    (records, names)
}

fn datasets(folder: &Path) -> Vec<Reader> {
    let picture = b"P6 2 2 255\n123456789012".to_vec();
    let shard = tar(&[
        ("0.ppm", &picture),
        ("0.cls", b"0"),
        ("1.ppm", &picture),
        ("1.json", b"{\"label\": 1, \"caption\": \"a dog\"}"),
        (&format!("{}/2.txt", "long/".repeat(40)), b"a cat"),
        (&format!("{}/2.ppm", "long/".repeat(40)), &picture),
    ]);
    let (records, names) = cifar_pickles();
    let python =
        tar(&[("cifar-10-batches-py/test_batch", &records), ("cifar-10-batches-py/batches.meta", &names)]);
    let binary = tar(&[
        ("cifar-10-batches-bin/test_batch.bin", &[&[0][..], &[9; 3072], &[1], &[5; 3072]].concat()),
        ("cifar-10-batches-bin/batches.meta.txt", b"cat\ndog\n"),
    ]);
    let seed = |name: &str, bytes: Vec<u8>| Seed { name: name.to_owned(), bytes };
    let lists = text_seeds(&[
        ("list.csv", "path,label\na.ppm,cat\nb.ppm,dog\n"),
        ("list.tsv", "filename\tclass\tsplit\na.ppm\t0\ttest\nb.ppm\t1\ttrain\n"),
        (
            "list.jsonl",
            "{\"path\": \"a.ppm\", \"label\": \"cat\"}\n{\"path\": \"b.ppm\", \"label\": \"dog\"}\n",
        ),
    ]);
    let beside = folder.join("picture-lists");
    fs::create_dir_all(&beside).unwrap();
    for name in ["a.ppm", "b.ppm"] {
        fs::write(beside.join(name), &picture).unwrap();
    }
    vec![
        of_file(
            "Parquet",
            folder,
            [seeds_in(&fixtures("parquet"), |_| true), parquet_seeds()].concat_seeds(),
            as_it_is,
            open_dataset,
        ),
        of_file("tar shards", folder, vec![seed("s.tar", shard.clone())], with_tar_checksums, open_dataset),
        of_file("packed shards", folder, vec![seed("s.tar.gz", shard)], packed_tar, open_dataset),
        of_file(
            "CIFAR archives",
            folder,
            vec![seed("cifar-10-python.tar", python.clone()), seed("cifar-10-binary.tar", binary.clone())],
            with_tar_checksums,
            open_dataset,
        ),
        of_file(
            "packed CIFAR",
            folder,
            vec![seed("cifar-10-python.tar.gz", python), seed("cifar-10-binary.tar.gz", binary)],
            packed_tar,
            open_dataset,
        ),
        of_file("picture lists", folder, lists, as_it_is, open_dataset),
    ]
}

fn packed_tar(bytes: Vec<u8>) -> Vec<u8> {
    gzipped(&with_tar_checksums(bytes))
}

trait ConcatSeeds {
    fn concat_seeds(self) -> Vec<Seed>;
}

impl<const N: usize> ConcatSeeds for [Vec<Seed>; N] {
    fn concat_seeds(self) -> Vec<Seed> {
        self.into_iter().flatten().collect()
    }
}

/// Tables of pictures and labels, in several compressions.
fn parquet_seeds() -> Vec<Seed> {
    use parquet::basic::{Compression, GzipLevel};
    use parquet::data_type::{ByteArray, ByteArrayType, Int64Type};
    use parquet::file::properties::WriterProperties;
    use parquet::file::writer::SerializedFileWriter;
    use parquet::schema::parser::parse_message_type;
    let schema = "message schema { optional group image { optional binary bytes; } optional int64 label; }";
    let kinds = [
        ("plain", Compression::UNCOMPRESSED),
        ("snappy", Compression::SNAPPY),
        ("gzip", Compression::GZIP(GzipLevel::default())),
        ("lz4", Compression::LZ4_RAW),
    ];
    let table = |(name, compression): (&str, Compression)| {
        let properties = WriterProperties::builder().set_compression(compression).build();
        let schema = Arc::new(parse_message_type(schema).unwrap());
        let mut bytes = Vec::new();
        let mut writer = SerializedFileWriter::new(&mut bytes, schema, Arc::new(properties)).unwrap();
        let mut group = writer.next_row_group().unwrap();
        let pictures: Vec<ByteArray> =
            (0..3).map(|at| ByteArray::from(format!("P6 2 2 255\n12345678901{at}").into_bytes())).collect();
        let mut column = group.next_column().unwrap().unwrap();
        column.typed::<ByteArrayType>().write_batch(&pictures, Some(&[2; 3]), None).unwrap();
        column.close().unwrap();
        let mut column = group.next_column().unwrap().unwrap();
        column.typed::<Int64Type>().write_batch(&[0, 1, 0], Some(&[1; 3]), None).unwrap();
        column.close().unwrap();
        group.close().unwrap();
        writer.close().unwrap();
        Seed { name: format!("{name}.parquet"), bytes }
    };
    kinds.into_iter().map(table).collect()
}

// Checkpoints.

/// Opens a checkpoint and does with it what costs little.
fn open_checkpoint(folder: &Path) -> bool {
    let Ok(checkpoint) = Checkpoint::open(CheckpointSource::Directory(folder.to_owned())) else {
        return false;
    };
    let tokens =
        checkpoint.tokenizer().and_then(|tokenizer| tokenizer.tokenize("a photo of a Tree-frog, é!"));
    let logit_scale = checkpoint.logit_scale();
    let towers = checkpoint.text_encoder(Precision::default()).map(drop);
    let towers = towers.and_then(|()| checkpoint.image_encoder(Precision::default()).map(drop));
    tokens.is_ok() && logit_scale.is_ok() && towers.is_ok()
}

/// A reader of one file of checkpoints, whose other files are whole.
fn of_checkpoints(
    name: &'static str,
    folder: &Path,
    mend: fn(Vec<u8>) -> Vec<u8>,
    checkpoints: &[&str],
    is_meant: fn(&str) -> bool,
) -> Reader {
    let folder = folder.join(name.replace(' ', "-"));
    let mut seeds = Vec::new();
    let mut whole = BTreeMap::new();
    for checkpoint in checkpoints {
        let own = checkpoint.replace('/', "-");
        copy_folder(&fixtures(checkpoint), &folder.join(&own));
        for seed in seeds_in(&fixtures(checkpoint), |name| is_meant(name) && !name.starts_with("golden")) {
            let seed = Seed { name: format!("{own}/{}", seed.name), bytes: seed.bytes };
            whole.insert(seed.name.clone(), seed.bytes.clone());
            seeds.push(seed);
        }
    }
    let read = move |name: &str, bytes: &[u8]| {
        let (checkpoint, _) = name.split_once('/').unwrap();
        fs::write(folder.join(name), bytes).unwrap();
        let read = open_checkpoint(&folder.join(checkpoint));
        fs::write(folder.join(name), &whole[name]).unwrap();
        read
    };
    Reader { name, seeds, mend, read: Box::new(read) }
}

/// The members of a ZIP archive put together again, so that all its lengths, places and checksums are right.
fn zipped_again(bytes: Vec<u8>) -> Vec<u8> {
    let mut from = 0;
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let mut members = 0;
    // By the members' own headers, since the list of them at the end tells nothing that is right any more.
    while let Some(at) = bytes[from..].windows(4).position(|mark| mark == b"PK\x03\x04").map(|at| from + at) {
        let number = |at: usize, width: usize| {
            let bytes = bytes.get(at..at + width).unwrap_or_default();
            bytes.iter().rev().fold(0_usize, |sum, byte| sum << 8 | usize::from(*byte))
        };
        let (name_length, more) = (number(at + 26, 2), number(at + 28, 2));
        let name = bytes.get(at + 30..at + 30 + name_length).unwrap_or_default();
        let name = String::from_utf8_lossy(name).into_owned();
        let start = (at + 30 + name_length + more).min(bytes.len());
        let end =
            bytes[start..].windows(2).position(|mark| mark == b"PK").map_or(bytes.len(), |at| start + at);
        let options =
            zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
        if writer.start_file(name, options).is_ok() {
            writer.write_all(&bytes[start..end]).unwrap();
            members += 1;
        }
        from = end.max(at + 4);
    }
    if members == 0 { bytes } else { writer.finish().unwrap().into_inner() }
}

fn checkpoints(folder: &Path) -> Vec<Reader> {
    let all = [
        "architectures/chinese-clip",
        "architectures/metaclip-2",
        "architectures/open-clip-bert-timm",
        "architectures/open-clip-gelu",
        "architectures/open-clip-siglip",
        "architectures/open-clip-xlm-roberta",
        "architectures/siglip2",
        "architectures/tinyclip",
        "clip/tiny-gelu",
        "clip/tiny-quickgelu",
    ];
    let weights = ["architectures/chinese-clip", "clip/tiny-quickgelu"];
    // One is the weights of that checkpoint, the others have something of everything.
    let torch = seeds_in(&fixtures("torch"), |_| true);
    let torch = torch.into_iter().map(|seed| Seed { name: "pytorch_model.bin".to_owned(), ..seed }).collect();
    let place = folder.join("PyTorch");
    copy_folder(&fixtures("clip/tiny-quickgelu"), &place);
    fs::remove_file(place.join("model.safetensors")).unwrap();
    vec![
        of_checkpoints("configurations", folder, as_it_is, &all, |name| name.ends_with("config.json")),
        of_checkpoints("tokenizers", folder, as_it_is, &all, |name| {
            ["tokenizer.json", "vocab.json", "merges.txt"].contains(&name)
        }),
        of_checkpoints("weight indices", folder, as_it_is, &["clip/tiny-gelu"], |name| {
            name.ends_with(".index.json")
        }),
        of_checkpoints("safetensors", folder, as_it_is, &weights, |name| name.ends_with(".safetensors")),
        of_file("PyTorch", folder, torch, zipped_again, |path| open_checkpoint(path.parent().unwrap())),
        of_checkpoints("OpenAI models", folder, as_it_is, &["architectures/openai-resnet"], |name| {
            name.ends_with(".pt")
        }),
    ]
}

// Language models.

const TEMPLATES: [(&str, &str); 4] = [
    (
        "plain",
        "{% for m in messages %}{{ '<|' + m['role'] + '|>' + m['content'].strip() + eos_token }}{% endfor %}",
    ),
    (
        "doubling",
        "{% set t = namespace(x='ab') %}{% for i in range(9) %}{% set t.x = t.x + t.x %}{% endfor %}{{ t.x }}",
    ),
    (
        "filters",
        "{{ messages[0].content | upper | replace('A', 'bb') | join(', ') | length }}{{ range(3) | list }}",
    ),
    (
        "macros",
        "{% macro m(a) %}{{ a ~ a }}{% endmacro %}{{ m(m(bos_token)) }}{% if add_generation_prompt %}x{% endif %}",
    ),
];

/// A network of one layer of random numbers, with this form of conversations.
fn tiny_llama(template: &str) -> Vec<u8> {
    const DIM: usize = 8;
    let texts = |words: &[&str]| {
        gguf_file::Value::Array(
            words.iter().map(|word| gguf_file::Value::String((*word).to_owned())).collect(),
        )
    };
    let number = gguf_file::Value::U32;
    let tokens = ["a", "b", "c", "Ġ", "ab", "<s>", "</s>"];
    let kinds = [1, 1, 1, 1, 1, 3, 3].map(gguf_file::Value::I32).to_vec();
    let metadata = [
        ("general.architecture", gguf_file::Value::String("llama".to_owned())),
        ("llama.block_count", number(1)),
        ("llama.context_length", number(64)),
        ("llama.embedding_length", number(DIM as u32)),
        ("llama.attention.head_count", number(2)),
        ("llama.attention.head_count_kv", number(1)),
        ("llama.attention.layer_norm_rms_epsilon", gguf_file::Value::F32(1e-5)),
        ("llama.rope.dimension_count", number(4)),
        ("tokenizer.ggml.model", gguf_file::Value::String("gpt2".to_owned())),
        ("tokenizer.ggml.pre", gguf_file::Value::String("default".to_owned())),
        ("tokenizer.ggml.tokens", texts(&tokens)),
        ("tokenizer.ggml.token_type", gguf_file::Value::Array(kinds)),
        ("tokenizer.ggml.merges", texts(&["a b"])),
        ("tokenizer.ggml.eos_token_id", number(6)),
        ("tokenizer.chat_template", gguf_file::Value::String(template.to_owned())),
    ];
    let tensor = |name: &str, shape: &[usize]| {
        let count: usize = shape.iter().product();
        let values: Vec<f32> = (0..count).map(|at| (at as f32 * 0.7).sin()).collect();
        let tensor = Tensor::from_vec(values, shape, &Device::Cpu).unwrap();
        (name.to_owned(), QTensor::quantize(&tensor, GgmlDType::F32).unwrap())
    };
    let tensors = [
        tensor("token_embd.weight", &[tokens.len(), DIM]),
        tensor("output_norm.weight", &[DIM]),
        tensor("blk.0.attn_q.weight", &[DIM, DIM]),
        tensor("blk.0.attn_k.weight", &[DIM / 2, DIM]),
        tensor("blk.0.attn_v.weight", &[DIM / 2, DIM]),
        tensor("blk.0.attn_output.weight", &[DIM, DIM]),
        tensor("blk.0.ffn_gate.weight", &[DIM, DIM]),
        tensor("blk.0.ffn_up.weight", &[DIM, DIM]),
        tensor("blk.0.ffn_down.weight", &[DIM, DIM]),
        tensor("blk.0.attn_norm.weight", &[DIM]),
        tensor("blk.0.ffn_norm.weight", &[DIM]),
    ];
    let metadata: Vec<_> = metadata.iter().map(|(key, value)| (*key, value)).collect();
    let tensors: Vec<_> = tensors.iter().map(|(name, tensor)| (name.as_str(), tensor)).collect();
    let mut bytes = Cursor::new(Vec::new());
    gguf_file::write(&mut bytes, &metadata, &tensors).unwrap();
    bytes.into_inner()
}

/// The small network of Gemma's kind, with a tokenizer of its kind.
fn tiny_gemma() -> Vec<u8> {
    let file = fs::read(fixtures("gguf/tiny-gemma3.gguf")).unwrap();
    let mut reader = Cursor::new(file);
    let content = gguf_file::Content::read(&mut reader).unwrap();
    let count = content.tensor_infos["token_embd.weight"].shape.dims()[0];
    let first = ["<pad>", "<bos>", "<eos>", "<unk>", "\u{2581}", "a", "b", "ab", "\u{2581}ab", "c"];
    let text = |text: &str| gguf_file::Value::String(text.to_owned());
    let token = |id: usize| first.get(id).map_or_else(|| text(&format!("t{id}")), |token| text(token));
    let mut metadata: Vec<(String, gguf_file::Value)> = content.metadata.clone().into_iter().collect();
    let kind = |id: usize| gguf_file::Value::I32(if id < 4 { 3 } else { 1 });
    let more = [
        ("model", text("llama")),
        ("tokens", gguf_file::Value::Array((0..count).map(token).collect())),
        (
            "scores",
            gguf_file::Value::Array((0..count).map(|id| gguf_file::Value::F32(-(id as f32))).collect()),
        ),
        ("token_type", gguf_file::Value::Array((0..count).map(kind).collect())),
        ("bos_token_id", gguf_file::Value::U32(1)),
        ("eos_token_id", gguf_file::Value::U32(2)),
        ("unknown_token_id", gguf_file::Value::U32(3)),
    ];
    metadata.extend(more.map(|(key, value)| (format!("tokenizer.ggml.{key}"), value)));
    metadata.sort_by(|a, b| a.0.cmp(&b.0));
    let mut names: Vec<&String> = content.tensor_infos.keys().collect();
    names.sort();
    let tensors: Vec<(&str, QTensor)> = names
        .into_iter()
        .map(|name| (name.as_str(), content.tensor(&mut reader.clone(), name, &Device::Cpu).unwrap()))
        .collect();
    let metadata: Vec<_> = metadata.iter().map(|(key, value)| (key.as_str(), value)).collect();
    let tensors: Vec<_> = tensors.iter().map(|(name, tensor)| (*name, tensor)).collect();
    let mut bytes = Cursor::new(Vec::new());
    gguf_file::write(&mut bytes, &metadata, &tensors).unwrap();
    bytes.into_inner()
}

fn request() -> SampleRequest {
    let sampling = Sampling { temperature: 0.0, max_tokens: 2, stop: Vec::new(), ..Sampling::default() };
    SampleRequest { llm_prompt: "ab c".to_owned(), samples: 0..1, sampling }
}

fn ask(path: &Path) -> bool {
    let Ok(model) = Gguf::open(path) else { return false };
    model.sample(&request(), &|| false, &mut drop).is_ok()
}

fn language_models(folder: &Path) -> Vec<Reader> {
    let gguf = vec![Seed { name: "tiny.gguf".to_owned(), bytes: tiny_llama(TEMPLATES[0].1) }];
    let gemma = vec![Seed { name: "tiny.gguf".to_owned(), bytes: tiny_gemma() }];
    let file = folder.join("template.gguf");
    let of_template = move |_: &str, bytes: &[u8]| {
        fs::write(&file, tiny_llama(&String::from_utf8_lossy(bytes))).unwrap();
        ask(&file)
    };
    vec![
        of_file("GGUF", folder, gguf, as_it_is, ask),
        of_file("GGUF of Gemma", folder, gemma, as_it_is, ask),
        Reader {
            name: "chat templates",
            seeds: text_seeds(&TEMPLATES),
            mend: as_it_is,
            read: Box::new(of_template),
        },
    ]
}

// Files that people write.

fn texts(folder: &Path) -> Vec<Reader> {
    let prompts = text_seeds(&[
        ("cupl.json", "{\"cat\": [\"A cat is small.\", \"a {} with fur\"], \"dog\": [\"A dog barks.\"]}"),
        ("templates.json", "[\"a photo of a {}.\", \"a drawing of the {c}.\"]"),
        ("templates.txt", "a photo of a {}.\n# a remark\na sketch of {}\n"),
        (
            "templates.py",
            "templates = [\n    'a photo of a {}.',\n    lambda c: f'a bad photo of {c}.',\n]\n",
        ),
        (
            "rows.jsonl",
            "{\"class\": \"cat\", \"prompt\": \"A cat.\"}\n{\"class\": \"dog\", \"prompt\": \"A dog.\"}\n",
        ),
        ("rows.csv", "class,prompt\ncat,\"A cat, small.\"\ndog,A dog.\n"),
        ("rows.tsv", "class\tprompt\ncat\tA cat\ndog\tA dog\n"),
        ("described.json", "{\"cat\": [\"soft fur\", \"long tail\"], \"dog\": [\"a wet nose\"]}"),
        ("nested.json", "{\"a\": {\"classes\": [\"cat\"], \"templates\": [\"a {c}\"]}, \"b\": []}"),
    ]);
    let names = text_seeds(&[
        ("names.json", "{\"n01440764\": \"tench\", \"n01443537\": \"goldfish\"}"),
        ("names.txt", "tench\ngoldfish\n"),
        ("names.csv", "0,tench\n1,goldfish\n"),
        ("synsets.txt", "n01440764 tench, Tinca tinca\nn01443537 goldfish, Carassius auratus\n"),
        ("lists.json", "{\"en\": [\"cat\", \"dog\"], \"de\": [\"Katze\", \"Hund\"]}"),
    ]);
    let demo =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("experiments/demo.toml")).unwrap();
    let own =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("experiments/own-data.toml")).unwrap();
    let published =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("data/published-results.toml"))
            .unwrap();
    let recent = "[{\"name\": \"demo\", \"origin\": \"demo\"}]";
    let read_prompts = |path: &Path| {
        let template = DescriptorTemplate::parse(DESCRIPTOR_TEMPLATE).unwrap();
        let read = [
            PromptSet::read(path),
            PromptSet::read_templates(path),
            PromptSet::read_cupl(path),
            PromptSet::read_llm_prompts(path),
            PromptSet::read_descriptors(path, &template),
        ];
        let classes = ["cat".to_owned(), "dog".to_owned()];
        for set in read.iter().flatten() {
            let _resolved = set.resolve(&classes[..]);
            assert!(PromptSet::from_json("again", &set.to_json()).is_ok(), "what is kept is read again");
        }
        read.iter().any(Result::is_ok)
    };
    vec![
        of_file("prompt files", folder, prompts, as_it_is, read_prompts),
        of_file("class names", folder, names, as_it_is, |path| {
            let classes = read_classes(path).is_ok();
            ClassNameMap::read(path).is_ok() || classes
        }),
        of_file(
            "experiments",
            folder,
            text_seeds(&[("demo.toml", &demo), ("own.toml", &own)]),
            as_it_is,
            |path| Experiment::read(path).is_ok(),
        ),
        of_file("published results", folder, text_seeds(&[("r.toml", &published)]), as_it_is, |path| {
            PublishedResults::read(path).is_ok()
        }),
        of_file("recent experiments", folder, text_seeds(&[("recent.json", recent)]), as_it_is, |path| {
            !Memory::new(path.parent().map(Path::to_owned)).recents().is_empty()
        }),
    ]
}

// Servers.

type Answer = Arc<Mutex<(&'static str, Vec<u8>)>>;

/// A server that answers with what stands there.
fn server() -> (Loopback, Answer) {
    let answer: Answer = Arc::default();
    let told = answer.clone();
    let server = Loopback::start(move |_, _| {
        let (content_type, body) = told.lock().unwrap().clone();
        Reply::Answer { status: 200, content_type, headers: Vec::new(), body }
    });
    (server, answer)
}

fn servers(folder: &Path) -> Vec<Reader> {
    let answers = text_seeds(&[
        (
            "whole.json",
            "{\"choices\": [{\"index\": 0, \"message\": {\"content\": \"A cat\"}, \"finish_reason\": \"stop\"}], \"usage\": {\"completion_tokens\": 3}}",
        ),
        ("error.json", "{\"error\": {\"message\": \"no such model\", \"code\": 404}}"),
        (
            "stream.sse",
            "data: {\"choices\": [{\"index\": 0, \"delta\": {\"content\": \"A \"}}]}\n\ndata: {\"choices\": [{\"index\": 0, \"delta\": {\"content\": \"cat\"}, \"finish_reason\": \"stop\"}]}\n\ndata: [DONE]\n\n",
        ),
    ]);
    let (model_server, answer) = server();
    let mut settings = OpenAiSettings::new(&format!("{}/v1", model_server.url), "m", None);
    (settings.attempts, settings.backoff) = (1, Duration::from_millis(1));
    let model = OpenAi::new(settings).unwrap();
    let read_answer = move |name: &str, bytes: &[u8]| {
        let _there_as_long = &model_server;
        let kind = if name.ends_with(".sse") { "text/event-stream" } else { "application/json" };
        *answer.lock().unwrap() = (kind, bytes.to_vec());
        model.sample(&request(), &|| false, &mut drop).is_ok()
    };
    let listing = format!(
        "{{\"sha\": \"{commit}\", \"siblings\": [{{\"rfilename\": \"config.json\", \"size\": 10, \"blobId\": \"{commit}\"}}, \
         {{\"rfilename\": \"tokenizer.json\", \"size\": 10, \"blobId\": \"{commit}\"}}, {{\"rfilename\": \"model.safetensors\", \
         \"size\": 605, \"blobId\": \"{commit}\", \"lfs\": {{\"sha256\": \"{sum}\", \"size\": 605}}}}]}}",
        commit = "3d74acf9a28c67741b2f4f2ea7635f0aaf6f0268",
        sum = "ab".repeat(32)
    );
    let (hub_server, listed) = server();
    let cache = folder.join("hub");
    let settings = HubSettings::from_environment(|name| match name {
        "HF_ENDPOINT" => Some(hub_server.url.clone()),
        "HF_HUB_CACHE" => cache.to_str().map(str::to_owned),
        _ => None,
    });
    let settings = HubSettings { attempts: 1, ..settings.unwrap() };
    let hub = Hub::new(settings);
    let repository = Repository::parse("ada/tiny").unwrap();
    let read_listing = move |_: &str, bytes: &[u8]| {
        let _there_as_long = &hub_server;
        *listed.lock().unwrap() = ("application/json", bytes.to_vec());
        hub.plan(&repository, &|| false).is_ok()
    };
    let reader = |name, seeds, read: Read1| Reader { name, seeds, mend: as_it_is, read };
    vec![
        reader("model servers", answers, Box::new(read_answer)),
        reader("hub listings", text_seeds(&[("listing.json", &listing)]), Box::new(read_listing)),
    ]
}

// Stores.

fn stores(folder: &Path) -> Vec<Reader> {
    let whole = folder.join("whole-store");
    let export = folder.join("all.cupl");
    {
        let store = Store::open(&whole).unwrap().store;
        store.save_prompt_set("birds", "{\"cat\": [\"A cat.\"]}").unwrap();
        store.save_run("r1", "{\"id\": \"r1\"}").unwrap();
        store.save_history("birds", "v", "{}").unwrap();
        store.save_sample("written", &Key::from_parts(&[b"a"]), "A cat.").unwrap();
        store.save_generation("written", "{}").unwrap();
        store.save_vectors(&[(Key::from_parts(&[b"v"]), &[1.0, 2.0])]).unwrap();
        store.export(&export).unwrap();
    }
    let copies: Vec<Seed> = files_below(&whole)
        .into_iter()
        .filter(|(name, _)| {
            !name.starts_with("sled/") && !["lock", "holder", "waiting"].contains(&name.as_str())
        })
        .map(|(name, path)| Seed { name, bytes: fs::read(path).unwrap() })
        .collect();
    let exports = vec![Seed { name: "all.cupl".to_owned(), bytes: fs::read(&export).unwrap() }];
    let place = folder.join("store");
    // One store for all: what is read of a copy stays, as with its users; it begins anew from time to time.
    let opened = RefCell::new(0_usize);
    let read_copy = move |name: &str, bytes: &[u8]| {
        if opened.borrow().is_multiple_of(64) {
            copy_folder(&whole, &place);
        }
        *opened.borrow_mut() += 1;
        let path = place.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap();
        let opened = Store::open(&place).unwrap();
        let sets = opened.store.prompt_sets().unwrap();
        assert!(sets.iter().any(|set| set.name == "birds"), "the prompt set is lost: {sets:?}");
        assert!(opened.store.run("r1").unwrap().is_some(), "the run is lost");
        let _runs = Run::all(&opened.store).unwrap();
        opened.notices.is_empty()
    };
    vec![
        Reader { name: "store copies", seeds: copies, mend: as_it_is, read: Box::new(read_copy) },
        of_file("store exports", folder, exports, with_export_checksum, |path| {
            Store::in_memory().import(path).is_ok()
        }),
    ]
}

/// An export whose last checksum is right: 33 bytes, of which the first is its mark.
fn with_export_checksum(mut bytes: Vec<u8>) -> Vec<u8> {
    let Some(at) = bytes.len().checked_sub(33) else { return bytes };
    let sum = blake3::hash(&bytes[..at]);
    bytes[at + 1..].copy_from_slice(sum.as_bytes());
    bytes
}
