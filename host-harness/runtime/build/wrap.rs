//! From core module to component, and the check that it imports nothing but our own interface.
//!
//! Included by the build script and by the tests, which wrap their own plugins the same way.

use wit_component::{ComponentEncoder, DecodedWasm};

/// The only interface a plugin may import, without its version.
const OWN_IMPORT: &str = "tripline:plugin/host";

/// The functions of that interface.
const OWN_FUNCTIONS: &[&str] = &["log"];

/// Wraps a core module as a component.
///
/// # Errors
/// What is wrong with the module, and every import that is not ours: a dependency that pulls in a
/// clock or files must fail the build, not the first run.
pub(crate) fn wrap(module: &[u8]) -> Result<Vec<u8>, String> {
    let component = ComponentEncoder::default()
        .validate(true)
        .module(module)
        .and_then(|mut encoder| encoder.encode())
        .map_err(|error| format!("cannot wrap the plugin's module as a component: {error:#}"))?;
    let foreign = foreign_imports(&component)?;
    if foreign.is_empty() {
        Ok(component)
    } else {
        Err(format!(
            "the plugin imports {}, but a plugin may import nothing but `{OWN_IMPORT}` (find the \
             dependency that brings it with `cargo tree -p tripline-plugin`)",
            foreign.join(", ")
        ))
    }
}

/// The imports of a component that the host does not offer, as `interface` or `interface#function`.
fn foreign_imports(component: &[u8]) -> Result<Vec<String>, String> {
    let decoded = wit_component::decode(component)
        .map_err(|error| format!("cannot read the component just made: {error:#}"))?;
    let DecodedWasm::Component(resolve, world) = decoded else {
        return Err("the component just made is a WIT package".to_owned());
    };
    let mut foreign = Vec::new();
    for (key, item) in &resolve.worlds[world].imports {
        let name = resolve.name_world_key(key);
        let own = name.split('@').next() == Some(OWN_IMPORT);
        let interface = match item {
            wit_parser::WorldItem::Interface { id, .. } if own => &resolve.interfaces[*id],
            _ => {
                foreign.push(format!("`{name}`"));
                continue;
            }
        };
        let functions = interface.functions.keys();
        let unknown = functions.filter(|function| !OWN_FUNCTIONS.contains(&function.as_str()));
        foreign.extend(unknown.map(|function| format!("`{name}#{function}`")));
    }
    Ok(foreign)
}
