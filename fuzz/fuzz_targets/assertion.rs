//! Tokens that applications and workloads show.
#![no_main]

use azlet::kernel::jwt::parse;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(token) = parse(text) {
        // No text is signed by a key that nobody has.
        assert!(!token.is_signed_by(&[0xC5; 256], &[1, 0, 1]));
        assert!(!token.is_signed_by_pkcs1(text.as_bytes()));
    }
});
