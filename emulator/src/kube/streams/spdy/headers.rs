//! Headers of SPDY: names and values behind their lengths, in one zlib stream for each direction, with a dictionary that both sides know.
//! Rule: the SPDY protocol's draft 3.1, section 2.6.10. The dictionary's Adler-32 is 0xe3c6a7c2, which a test reckons.
//! What is written is not compressed: blocks that are stored are zlib too.

use std::sync::LazyLock;

use miniz_oxide::inflate::TINFLStatus;
use miniz_oxide::inflate::core::inflate_flags::TINFL_FLAG_HAS_MORE_INPUT;
use miniz_oxide::inflate::core::{DecompressorOxide, decompress};

use super::Malformed;

/// Names, in lower case, and values.
pub type Headers = Vec<(String, String)>;

/// The words that stand behind their lengths at the dictionary's begin.
const WORDS: &str = "options|head|post|put|delete|trace|accept|accept-charset|accept-encoding|accept-language|accept-ranges|age|allow|\
    authorization|cache-control|connection|content-base|content-encoding|content-language|content-length|content-location|content-md5|\
    content-range|content-type|date|etag|expect|expires|from|host|if-match|if-modified-since|if-none-match|if-range|if-unmodified-since|\
    last-modified|location|max-forwards|pragma|proxy-authenticate|proxy-authorization|range|referer|retry-after|server|te|trailer|\
    transfer-encoding|upgrade|user-agent|vary|via|warning|www-authenticate|method|get|status|200 OK|version|HTTP/1.1|url|public|set-cookie|\
    keep-alive|origin";
/// What follows them.
const REST: &str = "100101201202205206300302303304305306307402405406407408409410411412413414415416417502504505203 Non-Authoritative \
    Information204 No Content301 Moved Permanently400 Bad Request401 Unauthorized403 Forbidden404 Not Found500 Internal Server Error501 Not \
    Implemented503 Service UnavailableJan Feb Mar Apr May Jun Jul Aug Sept Oct Nov Dec 00:00:00 Mon, Tue, Wed, Thu, Fri, Sat, Sun, \
    GMTchunked,text/html,image/png,image/jpg,image/gif,application/xml,application/xhtml+xml,text/plain,text/javascript,publicprivate\
    max-age=gzip,deflate,sdchcharset=utf-8charset=iso-8859-1,utf-,*,enq=0.";

static DICTIONARY: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mut dictionary = Vec::new();
    for word in WORDS.split('|') {
        dictionary.extend_from_slice(&u32::try_from(word.len()).unwrap_or_default().to_be_bytes());
        dictionary.extend_from_slice(word.as_bytes());
    }
    dictionary.extend_from_slice(REST.as_bytes());
    dictionary
});

const WINDOW: usize = 32 * 1024;
/// As large may the headers of a stream be.
const LARGEST: usize = 64 * 1024;

/// The compression of one direction.
pub struct Inflater {
    state: Box<DecompressorOxide>,
    /// The last 32 KiB, as a ring; it begins with the dictionary.
    window: Vec<u8>,
    at: usize,
    begun: bool,
}

impl std::fmt::Debug for Inflater {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Inflater").field("at", &self.at).field("begun", &self.begun).finish_non_exhaustive()
    }
}

impl Default for Inflater {
    fn default() -> Self {
        let mut window = vec![0; WINDOW];
        window[..DICTIONARY.len()].copy_from_slice(&DICTIONARY);
        Self { state: Box::default(), window, at: DICTIONARY.len(), begun: false }
    }
}

impl Inflater {
    /// The headers in a block.
    pub fn headers(&mut self, mut block: &[u8]) -> Result<Headers, Malformed> {
        const BROKEN: Malformed = Malformed("headers cannot be decompressed");
        if !self.begun && !block.is_empty() {
            let [method, flags, rest @ ..] = block else { return Err(BROKEN) };
            if method & 0x0f != 8 {
                return Err(BROKEN);
            }
            // With the flag FDICT the dictionary's checksum comes first.
            block = if flags & 0x20 != 0 { rest.get(4..).ok_or(BROKEN)? } else { rest };
            self.begun = true;
        }
        let mut text = Vec::new();
        loop {
            let (status, read, written) =
                decompress(&mut self.state, block, &mut self.window, self.at, TINFL_FLAG_HAS_MORE_INPUT);
            text.extend_from_slice(&self.window[self.at..self.at + written]);
            self.at = (self.at + written) % WINDOW;
            block = &block[read..];
            if text.len() > LARGEST {
                return Err(Malformed("headers are too large"));
            }
            match status {
                TINFLStatus::NeedsMoreInput => return parsed(&text),
                TINFLStatus::HasMoreOutput => {}
                _ => return Err(BROKEN),
            }
        }
    }
}

fn parsed(mut text: &[u8]) -> Result<Headers, Malformed> {
    const SHORT: Malformed = Malformed("headers are cut off");
    fn number(text: &mut &[u8]) -> Option<usize> {
        let (number, rest) = text.split_first_chunk::<4>()?;
        *text = rest;
        usize::try_from(u32::from_be_bytes(*number)).ok()
    }
    fn string(text: &mut &[u8]) -> Option<String> {
        let length = number(text)?;
        let (string, rest) = text.split_at_checked(length)?;
        *text = rest;
        Some(String::from_utf8_lossy(string).into_owned())
    }
    let count = number(&mut text).ok_or(SHORT)?;
    let mut headers = Headers::new();
    for _ in 0..count {
        let name = string(&mut text).ok_or(SHORT)?;
        headers.push((name.to_ascii_lowercase(), string(&mut text).ok_or(SHORT)?));
    }
    Ok(headers)
}

/// Headers as a block; the first of a direction begins with the head of the zlib stream.
pub fn deflated(headers: &Headers, first: bool) -> Vec<u8> {
    let mut text = u32::try_from(headers.len()).unwrap_or_default().to_be_bytes().to_vec();
    for part in headers.iter().flat_map(|(name, value)| [name, value]) {
        text.extend_from_slice(&u32::try_from(part.len()).unwrap_or_default().to_be_bytes());
        text.extend_from_slice(part.as_bytes());
    }
    let mut block = if first { vec![0x78, 0x01] } else { Vec::new() };
    // An empty block at the end makes a reader give out what it has.
    for piece in text.chunks(usize::from(u16::MAX)).chain([&[][..]]) {
        let length = u16::try_from(piece.len()).unwrap_or_default();
        block.push(0);
        block.extend_from_slice(&length.to_le_bytes());
        block.extend_from_slice(&(!length).to_le_bytes());
        block.extend_from_slice(piece);
    }
    block
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_dictionary_is_the_one_that_clients_have() {
        let (mut a, mut b) = (1_u32, 0_u32);
        for byte in DICTIONARY.iter() {
            a = (a + u32::from(*byte)) % 65521;
            b = (b + a) % 65521;
        }
        assert_eq!((DICTIONARY.len(), b << 16 | a), (1423, 0xe3c6_a7c2));
    }

    #[test]
    fn headers_are_read_with_the_dictionary_and_from_one_block_to_the_next() {
        // Two blocks of one stream, as zlib writes them with the dictionary: streamtype: data, port: 80; then port: 81.
        let blocks = [FIRST, SECOND].map(|hex| {
            (0..hex.len() / 2)
                .map(|at| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).expect("hexadecimal"))
                .collect::<Vec<_>>()
        });
        let mut inflater = Inflater::default();
        let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(inflater.headers(&blocks[0]), Ok(vec![header("port", "80"), header("streamtype", "data")]));
        assert_eq!(inflater.headers(&blocks[1]), Ok(vec![header("port", "81"), header("streamtype", "error")]));
        assert!(inflater.headers(b"\xff\xff\xff").is_err());
    }

    const FIRST: &str = "78f9e3c6a7c202e50e48f95b044aab4c1606e0545752949a988b54b02402000000ffff";
    const SECOND: &str = "c2506788a18e3515143d00000000ffff";
}
