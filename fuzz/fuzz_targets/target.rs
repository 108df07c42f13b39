//! Paths of ARM.
#![no_main]

use azlet::arm::request::Target;
use azlet::kernel::resource_id::ResourceId;
use http::Method;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|path: &str| {
    if let Ok(target) = Target::parse(&Method::GET, path) {
        let _ = (target.owner(), target.type_path(), target.rest(), target.is_routed());
    }
    let id = ResourceId::new(path);
    let _ = (id.parent(), id.resource_type(), id.group_id(), id.ancestor_keys().count());
});
