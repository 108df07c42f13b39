//! The archive that comes along with a cluster's command: files that were put into it come out of it, and no archive, whole or
//! damaged, does harm.
#![no_main]

use std::collections::BTreeMap;

use azlet::arm::texts::command_files;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use libfuzzer_sys::fuzz_target;

/// A ZIP archive of stored files (PKWARE's APPNOTE, sections 4.3.7, 4.3.12, 4.3.16); nobody here looks at its checksums.
fn archive(files: &BTreeMap<String, String>) -> Vec<u8> {
    let short = |number: usize| u16::try_from(number).unwrap_or(0).to_le_bytes();
    let long = |number: usize| u32::try_from(number).unwrap_or(0).to_le_bytes();
    let (mut bytes, mut central) = (Vec::new(), Vec::new());
    for (name, text) in files {
        let sizes = [&[0; 12][..], &long(text.len()), &long(text.len()), &short(name.len()), &[0; 2]].concat();
        central.extend([&b"PK\x01\x02\0\0\0\0"[..], &sizes[..], &[0; 10], &long(bytes.len()), name.as_bytes()].concat());
        bytes.extend([&b"PK\x03\x04\0\0"[..], &sizes, name.as_bytes(), text.as_bytes()].concat());
    }
    let (begin, length) = (bytes.len(), central.len());
    let end =
        [&b"PK\x05\x06\0\0\0\0"[..], &short(files.len()), &short(files.len()), &long(length), &long(begin), &[0; 2]].concat();
    [bytes, central, end].concat()
}

fuzz_target!(|input: (BTreeMap<String, String>, usize, u8, &[u8])| {
    let (mut files, at, byte, raw) = input;
    let _ = command_files(&STANDARD.encode(raw));
    files.retain(|name, text| {
        let plain = name.chars().all(|letter| letter.is_alphanumeric() || letter == '-');
        plain && !name.is_empty() && name.len() < 100 && !text.contains("PK")
    });
    let mut bytes = archive(&files);
    assert_eq!(command_files(&STANDARD.encode(&bytes)), Ok(files));
    let at = at % bytes.len();
    bytes[at] = byte;
    let _ = command_files(&STANDARD.encode(&bytes));
});
