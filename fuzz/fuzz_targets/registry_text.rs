//! Whatever text a client sends a registry in a path, a scope, a reference, a scope map's action or an address rule: it is read
//! without a panic, and what was read says the same again.
#![no_main]

use azlet::acr::pull::Reference;
use azlet::acr::route::Route;
use azlet::acr::scope::{Right, Scope};
use azlet::acr::store::AddressRange;
use azlet::acr::token_users::MapAction;
use azlet::acr::uploads::parse_range;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let _ = (Route::parse(text), parse_range(text), AddressRange::parse(text));
    for scope in Scope::parse_all(text) {
        assert_eq!(Scope::parse(&scope.to_string()), Some(scope));
    }
    if let Ok(reference) = Reference::parse(text) {
        assert_eq!(Reference::parse(&reference.to_string()), Ok(reference));
    }
    if let Some(action) = MapAction::parse(text) {
        for right in Right::ALL {
            let _ = action.allows(text, right);
        }
    }
});
