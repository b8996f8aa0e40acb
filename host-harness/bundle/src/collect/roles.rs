//! Whose logs a source of the recorder holds.

use glob::Pattern;

use super::DEFAULT_ROLE;

/// Roles of sources by patterns of their names; the first that fits holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Roles(Vec<(Pattern, String)>);

// === impl Roles ===

impl Roles {
    /// Adds a pattern, with `*`, `?` and `[…]`; `*` stands for `/` as well.
    ///
    /// # Errors
    /// What is wrong with the pattern.
    pub fn add(&mut self, pattern: &str, role: &str) -> Result<(), String> {
        let pattern = Pattern::new(pattern).map_err(|error| error.to_string())?;
        self.0.push((pattern, role.to_owned()));
        Ok(())
    }

    /// The role of a source; [`DEFAULT_ROLE`] if no pattern fits.
    #[must_use]
    pub fn of(&self, source: &str) -> &str {
        let found = self.0.iter().find(|(pattern, _)| pattern.matches(source));
        found.map_or(DEFAULT_ROLE, |(_, role)| role)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_pattern_that_fits_holds() {
        let mut roles = Roles::default();
        for (pattern, role) in [
            ("server/*.json", "server"),
            ("*/hub-?.log", "hub"),
            ("*", "rest"),
        ] {
            roles.add(pattern, role).unwrap();
        }
        for (source, role) in [
            ("server/a.json", "server"),
            ("server/2026/03/a.json", "server"),
            ("x/y/hub-1.log", "hub"),
            ("hub-1.log", "rest"),
            ("", "rest"),
        ] {
            assert_eq!(roles.of(source), role, "{source}");
        }
        assert_eq!(Roles::default().of("a"), DEFAULT_ROLE);
        assert!(roles.add("a[", "x").unwrap_err().contains("Pattern"));
    }
}
