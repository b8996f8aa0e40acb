//! What `wit/world.wit` generates for the host.

wasmtime::component::bindgen!({ path: "../../wit", world: "plugin" });
