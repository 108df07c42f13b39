//! Queries of ARM.
#![no_main]

use azlet::arm::request::Query;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|raw: &str| {
    let query = Query::parse(raw);
    let next = Query::parse(&query.with("$skiptoken", raw));
    assert_eq!(next.get("$skipToken"), Some(raw));
});
