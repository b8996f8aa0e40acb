//! What `wit/world.wit` generates.
#![expect(
    unsafe_code,
    reason = "the canonical ABI passes raw pointers; all of it is generated"
)]

wit_bindgen::generate!({ path: "../../../wit", world: "plugin" });

export!(Misbehaving);

use super::shell::Misbehaving;
