//! What `wit/world.wit` generates, and the export of the shell.
#![expect(
    unsafe_code,
    reason = "the canonical ABI passes raw pointers; all of it is generated"
)]

wit_bindgen::generate!({ path: "../wit", world: "plugin" });

export!(Shell);

use super::shell::Shell;
