//! The files that come along with a command: a ZIP archive in Base64 (PKWARE's APPNOTE: end of central directory, central directory,
//! local headers; stored and deflated entries). Encrypted and split archives, and those of more than 4 GiB, are refused.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::kube::kubectl::Files;

/// A file may be this large when it is unpacked.
const FILE_AT_MOST: usize = 4 * 1024 * 1024;
/// All of them together: entries may share their bytes, and a few of them could fill the memory.
const ALL_AT_MOST: usize = 16 * 1024 * 1024;
const END: [u8; 4] = *b"PK\x05\x06";
const ENTRY: [u8; 4] = *b"PK\x01\x02";

/// The texts by their names; what is no text is left out. The error says what is wrong.
pub fn files(context: &str) -> Result<Files, String> {
    // Clients break the text into lines.
    let context: String = context.chars().filter(|letter| !letter.is_whitespace()).collect();
    if context.is_empty() {
        return Ok(Files::new());
    }
    let bytes = STANDARD.decode(context).map_err(|fault| format!("it is not Base64: {fault}"))?;
    read(&bytes).ok_or_else(|| "it is not a ZIP archive that can be read".to_owned())
}

fn number(bytes: &[u8], at: usize, length: usize) -> Option<usize> {
    let bytes = bytes.get(at..at.checked_add(length)?)?;
    Some(bytes.iter().rev().fold(0, |number, byte| number << 8 | usize::from(*byte)))
}

fn read(bytes: &[u8]) -> Option<Files> {
    let end = bytes.windows(4).rposition(|window| window == END)?;
    let (count, mut at) = (number(bytes, end + 10, 2)?, number(bytes, end + 16, 4)?);
    let mut files = Files::new();
    let mut whole = 0;
    for _ in 0..count {
        if bytes.get(at..at.checked_add(4)?)? != ENTRY {
            return None;
        }
        let (flags, method) = (number(bytes, at + 8, 2)?, number(bytes, at + 10, 2)?);
        let (packed, unpacked) = (number(bytes, at + 20, 4)?, number(bytes, at + 24, 4)?);
        let lengths = [28, 30, 32].map(|offset| number(bytes, at + offset, 2));
        let [Some(name), Some(extra), Some(comment)] = lengths else { return None };
        let header = number(bytes, at + 42, 4)?;
        let path = String::from_utf8_lossy(bytes.get(at + 46..at + 46 + name)?).replace('\\', "/");
        at = at + 46 + name + extra + comment;
        if flags & 1 == 1 || unpacked > FILE_AT_MOST {
            return None;
        }
        // The local header has lengths of its own.
        let start = header + 30 + number(bytes, header.checked_add(26)?, 2)? + number(bytes, header.checked_add(28)?, 2)?;
        let data = bytes.get(start..start.checked_add(packed)?)?;
        let content = match method {
            0 => data.to_vec(),
            8 => miniz_oxide::inflate::decompress_to_vec_with_limit(data, FILE_AT_MOST).ok()?,
            _ => return None,
        };
        whole += content.len();
        if whole > ALL_AT_MOST {
            return None;
        }
        if let Ok(text) = String::from_utf8(content)
            && !path.ends_with('/')
        {
            files.insert(path.trim_start_matches("./").trim_start_matches('/').to_owned(), text);
        }
    }
    Some(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `a.txt` ("hello", stored) and `d/b.txt` ("hello" a hundred times, deflated), as Python's `zipfile` writes them.
    const ARCHIVE: &str = "UEsDBBQAAAAAAAAAIVyGphA2BQAAAAUAAAAFAAAAYS50eHRoZWxsb1BLAwQUAAAACAAAACFcKHiLyAwAAAD0AQAABwAAAGQvYi50eHTLSM3Jyc8YJUYSAQBQSwECFAMUAAAAAAAAACFchqYQNgUAAAAFAAAABQAAAAAAAAAAAAAAgAEAAAAAYS50eHRQSwECFAMUAAAACAAAACFcKHiLyAwAAAD0AQAABwAAAAAAAAAAAAAAgAEoAAAAZC9iLnR4dFBLBQYAAAAAAgACAGgAAABZAAAAAAA=";

    #[test]
    fn stored_and_deflated_files_are_read() {
        let (first, rest) = ARCHIVE.split_at(76);
        let files = files(&format!("{first}\n{rest}\n")).expect("an archive");
        assert_eq!(files.get("a.txt").map(String::as_str), Some("hello"));
        assert_eq!(files.get("d/b.txt").map(String::len), Some(500));
        assert_eq!(files.len(), 2);
    }

    #[test]
    fn entries_that_share_their_bytes_fill_no_memory() {
        let packed = miniz_oxide::deflate::compress_to_vec(&vec![b'a'; FILE_AT_MOST], 9);
        let length = u32::try_from(packed.len()).expect("small").to_le_bytes();
        // A local header of no names, the bytes, and many entries that name them.
        let bytes = [b"PK\x03\x04".as_slice(), &[0; 26], &packed].concat();
        let begin = u32::try_from(bytes.len()).expect("small").to_le_bytes();
        let entry = |name: u8| {
            let fields = [&[0; 6][..], &[8, 0], &[0; 8], &length, &[0; 4], &[1, 0], &[0; 16], &[name]];
            [ENTRY.as_slice(), &fields.concat()].concat()
        };
        let archive = |count: u8| {
            let entries = (0..count).flat_map(|name| entry(b'a' + name)).collect::<Vec<_>>();
            let end = [END.as_slice(), &[0; 6], &[count, 0], &[0; 4], &begin, &[0; 2]].concat();
            [bytes.as_slice(), &entries, &end].concat()
        };
        let few = read(&archive(4)).expect("as much as there may be");
        assert_eq!((few.len(), few["d"].len()), (4, FILE_AT_MOST));
        assert!(read(&archive(5)).is_none());
    }

    #[test]
    fn what_is_no_archive_is_refused_and_nothing_is_nothing() {
        assert_eq!(super::files(""), Ok(Files::new()));
        assert!(super::files("%").is_err() && super::files("AAAA").is_err());
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic(cut in 0usize..400, at in 0usize..400, byte in 0u8..=255) {
            let mut bytes = STANDARD.decode(ARCHIVE).expect("Base64");
            let length = bytes.len();
            bytes[at % length] = byte;
            bytes.truncate(cut.max(1));
            let _ = read(&bytes);
        }
    }
}
