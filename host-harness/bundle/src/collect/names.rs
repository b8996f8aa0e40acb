//! Member paths that are safe to unpack anywhere.

use std::collections::BTreeSet;

/// The most characters of a source in a path. With role and number a path stays below 100, which
/// every tar reader knows.
const MAX_SOURCE_CHARS: usize = 56;
const MAX_ROLE_CHARS: usize = 24;

/// Gives every role and source its path, in their order. The names depend only on which there are: of
/// two that would be the same (in upper or lower case) the later, bytewise, gets a number.
pub(super) fn assign(sources: &[(String, &str)]) -> Vec<String> {
    let mut order: Vec<_> = sources.iter().enumerate().collect();
    order.sort_by_key(|(_, (role, source))| (*source, role.as_str()));
    let mut taken = BTreeSet::new();
    let mut paths = vec![String::new(); sources.len()];
    for (index, (role, source)) in order {
        let role = sanitise(role, MAX_ROLE_CHARS);
        let name = sanitise(source, MAX_SOURCE_CHARS);
        let stem = name
            .strip_suffix(".log")
            .filter(|stem| !stem.is_empty())
            .unwrap_or(&name);
        let mut path = format!("logs/{role}/{stem}.log");
        let mut number = 2_u64;
        while !taken.insert(path.to_ascii_lowercase()) {
            path = format!("logs/{role}/{stem}~{number}.log");
            number += 1;
        }
        if let Some(place) = paths.get_mut(index) {
            *place = path;
        }
    }
    paths
}

/// One path component of letters, digits and a few signs. Of a long text the end is kept, which
/// tells files of a tree apart.
fn sanitise(text: &str, max_chars: usize) -> String {
    let mut clean = String::with_capacity(text.len());
    for char in text.chars() {
        let is_plain = char.is_ascii_alphanumeric() || matches!(char, '-' | '_' | '.' | '=' | '@');
        match (is_plain, clean.ends_with('_')) {
            (true, _) => clean.push(char),
            (false, true) => {}
            (false, false) => clean.push('_'),
        }
    }
    let surplus = clean.len().saturating_sub(max_chars);
    clean.drain(..surplus);
    let clean = clean.trim_matches(|char| matches!(char, '.' | '_'));
    match clean {
        "" => "unnamed".to_owned(),
        clean if is_device(clean) => format!("_{clean}"),
        clean => clean.to_owned(),
    }
}

/// Whether Windows takes the name for a device.
fn is_device(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or(name).to_ascii_uppercase();
    let is_numbered = matches!(stem.get(..3), Some("COM" | "LPT")) && stem.len() == 4;
    is_numbered || matches!(stem.as_str(), "CON" | "PRN" | "AUX" | "NUL")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn paths(sources: &[&str]) -> Vec<String> {
        let named = sources.iter().map(|source| ("default".to_owned(), *source));
        let mut paths = assign(&named.collect::<Vec<_>>());
        paths.sort();
        paths
    }

    #[test]
    fn names_are_plain() {
        for (source, path) in [
            ("app.json", "logs/default/app.json.log"),
            ("app.log", "logs/default/app.log"),
            (".log", "logs/default/log.log"),
            ("/var/log/app.log", "logs/default/var_log_app.log"),
            ("../../etc/passwd", "logs/default/etc_passwd.log"),
            (r"C:\logs\a.txt", "logs/default/C_logs_a.txt.log"),
            ("a\0b\u{1b}[31m\nc", "logs/default/a_b_31m_c.log"),
            ("größe", "logs/default/gr_e.log"),
            ("..", "logs/default/unnamed.log"),
            ("", "logs/default/unnamed.log"),
            ("con.txt", "logs/default/_con.txt.log"),
            (
                "y=2024/h=05/PT1H.json",
                "logs/default/y=2024_h=05_PT1H.json.log",
            ),
        ] {
            assert_eq!(paths(&[source]), [path], "{source:?}");
        }
    }

    #[test]
    fn a_source_and_a_file_of_one_name_have_two_paths() {
        let both = [("a".to_owned(), "x.log"), ("a".to_owned(), "x.log")];
        assert_eq!(assign(&both), ["logs/a/x.log", "logs/a/x~2.log"]);
        let roles = [("b".to_owned(), "x.log"), ("a".to_owned(), "x.log")];
        assert_eq!(assign(&roles), ["logs/b/x.log", "logs/a/x.log"]);
    }

    #[test]
    fn collisions_are_numbered_in_bytewise_order() {
        let expected = [
            "logs/default/A_b.log",
            "logs/default/a_b~2.log",
            "logs/default/a_b~3.log",
        ];
        assert_eq!(paths(&["a/b", "a_b", "A b"]), expected);
        assert_eq!(paths(&["A b", "a_b", "a/b"]), expected);
    }

    proptest! {
        #[test]
        fn any_sources_get_safe_and_distinct_paths(
            sources in prop::collection::btree_set("\\PC{0,90}|[./\\\\a]{0,8}", 0..12),
            role in "\\PC{0,40}",
        ) {
            let named = sources.iter().map(|source| (role.clone(), source.as_str()));
            let paths = assign(&named.collect::<Vec<_>>());
            prop_assert_eq!(paths.len(), sources.len());
            let distinct: BTreeSet<_> = paths.iter().map(|p| p.to_ascii_lowercase()).collect();
            prop_assert_eq!(distinct.len(), sources.len());
            for path in &paths {
                prop_assert!(path.len() < 100 && path.is_ascii());
                prop_assert_eq!(path.split('/').count(), 3);
                prop_assert!(path.split('/').all(|part| !part.is_empty() && !part.starts_with('.')));
            }
        }
    }
}
