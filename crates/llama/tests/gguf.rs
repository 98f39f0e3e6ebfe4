//! Files that are no models, or not whole: each is refused in words, before any C++ sees it.

#![allow(clippy::unwrap_used, clippy::panic)] // helpers of tests

use brisk_llama::LoadError;
use brisk_llama::gguf::read_header;
use std::path::Path;

fn text(bytes: &mut Vec<u8>, text: &str) {
    bytes.extend((text.len() as u64).to_le_bytes());
    bytes.extend(text.as_bytes());
}

fn pair(bytes: &mut Vec<u8>, key: &str, number: u32) {
    text(bytes, key);
    bytes.extend(4u32.to_le_bytes());
    bytes.extend(number.to_le_bytes());
}

/// A small model file: one tensor of 64 weights at 32 bits.
fn model(architecture: &str) -> Vec<u8> {
    let mut bytes = b"GGUF".to_vec();
    bytes.extend(3u32.to_le_bytes());
    bytes.extend(1u64.to_le_bytes());
    bytes.extend(8u64.to_le_bytes());
    text(&mut bytes, "general.architecture");
    bytes.extend(8u32.to_le_bytes());
    text(&mut bytes, architecture);
    for (key, number) in [
        ("block_count", 2),
        ("context_length", 4096),
        ("embedding_length", 64),
        ("attention.head_count", 8),
        ("attention.head_count_kv", 2),
    ] {
        pair(&mut bytes, &format!("{architecture}.{key}"), number);
    }
    // A list of texts and a list of numbers, to be skipped.
    text(&mut bytes, "tokenizer.ggml.tokens");
    for word in [9u32, 8] {
        bytes.extend(word.to_le_bytes());
    }
    bytes.extend(2u64.to_le_bytes());
    text(&mut bytes, "a");
    text(&mut bytes, "bc");
    text(&mut bytes, "tokenizer.ggml.scores");
    for word in [9u32, 6] {
        bytes.extend(word.to_le_bytes());
    }
    bytes.extend(2u64.to_le_bytes());
    bytes.extend([0; 8]);
    text(&mut bytes, "weights");
    bytes.extend(1u32.to_le_bytes());
    bytes.extend(64u64.to_le_bytes());
    bytes.extend(0u32.to_le_bytes());
    bytes.extend(0u64.to_le_bytes());
    bytes.resize(bytes.len().div_ceil(32) * 32 + 256, 0);
    bytes
}

fn read(bytes: &[u8]) -> Result<brisk_llama::gguf::Header, LoadError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.gguf");
    std::fs::write(&path, bytes).unwrap();
    read_header(&path)
}

#[test]
fn a_whole_file_is_read() {
    let header = read(&model("qwen2")).unwrap();
    assert_eq!(header.architecture, "qwen2");
    assert_eq!(
        (header.blocks, header.trained_context, header.parameters),
        (2, 4096, 64)
    );
    // Two layers, two heads of 8 for keys and for values, two bytes each.
    assert_eq!(header.cache_bytes_per_token, 128);
    assert_eq!(header.k_quant_bytes, 0);
}

#[test]
fn weights_in_k_quants_are_counted() {
    let mut bytes = model("qwen2");
    // The tensor's type stands before its offset, which is 0; then comes the alignment.
    let name = bytes.windows(7).rposition(|w| w == b"weights").unwrap();
    let kind = name + 7 + 4 + 8;
    bytes[kind..kind + 4].copy_from_slice(&12u32.to_le_bytes());
    assert_eq!(read(&bytes).unwrap().k_quant_bytes, 144, "one block of Q4_K");
}

#[test]
fn a_cut_at_any_byte_is_told() {
    let whole = model("qwen2");
    for length in 0..whole.len() {
        match read(&whole[..length]) {
            Err(LoadError::Truncated { found, expected, .. }) => {
                assert!(found == length as u64 && expected > found, "cut at {length}");
            }
            Err(LoadError::NotGguf { .. }) if length < 4 => {}
            other => panic!("cut at {length}: {other:?}"),
        }
    }
}

#[test]
fn other_files_are_refused_by_name() {
    let hostile_text = {
        let mut bytes = model("qwen2");
        bytes[24..32].copy_from_slice(&u64::MAX.to_le_bytes());
        bytes
    };
    let hostile_count = {
        let mut bytes = model("qwen2");
        bytes[16..24].copy_from_slice(&u64::MAX.to_le_bytes());
        bytes
    };
    let version = {
        let mut bytes = model("qwen2");
        bytes[4] = 9;
        bytes
    };
    let cases: [(&str, Vec<u8>, &str); 5] = [
        (
            "a text file",
            b"hello, this is certainly not a model file".to_vec(),
            "is not a GGUF model file",
        ),
        ("another version", version, "version 9"),
        (
            "another architecture",
            model("mamba"),
            "\"mamba\" are not supported",
        ),
        ("a text without end", hostile_text, "is cut off"),
        ("pairs without end", hostile_count, "file"),
    ];
    for (name, bytes, expected) in cases {
        let error = read(&bytes).unwrap_err().to_string();
        assert!(error.contains(expected), "{name}: {error}");
    }
}

#[test]
fn no_file_and_no_regular_file() {
    assert!(matches!(
        read_header(Path::new("/nonexistent/x.gguf")),
        Err(LoadError::Missing { .. })
    ));
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(
        read_header(folder.path()),
        Err(LoadError::NotGguf { .. })
    ));
}
