//! `[[output]]`.

use std::path::PathBuf;
use std::time::Duration;

use super::*;

fn outputs(text: &str) -> Vec<OutputSettings> {
    settings(text).outputs
}

#[test]
fn an_output_has_its_defaults() {
    let read = outputs(
        "[[output]]\nname = 'a'\nkind = 'file'\npath = '/x'\n\
         [[output]]\nname = 'b'\nkind = 'http'\nurl = 'https://h/i'\n\
         [[output]]\nname = 'c'\nkind = 'stdout'\n",
    );
    let targets = [
        OutputTarget::File(FileTarget {
            path: PathBuf::from("/x"),
            max_bytes: 256 << 20,
            max_files: 5,
        }),
        OutputTarget::Http(HttpTarget {
            url: "https://h/i".parse().unwrap(),
            gzip: false,
            token_file: None,
            ca_file: None,
            batch_bytes: 1 << 20,
            timeout: Duration::from_secs(30),
        }),
        OutputTarget::Stdout,
    ];
    let expected = ["a", "b", "c"].into_iter().zip(targets);
    let expected = expected.map(|(name, target)| OutputSettings {
        name: name.to_owned(),
        target,
        buffer_bytes: 16 << 20,
    });
    assert_eq!(read, expected.collect::<Vec<_>>());
}

#[test]
fn what_is_wrong_with_outputs_is_said_and_no_secret_shown() {
    let http = |more: &str| format!("[[output]]\nname = 'a'\nkind = 'http'\n{more}\n");
    let file = |name: &str| format!("[[output]]\nname = '{name}'\nkind = 'file'\npath = '/x'\n");
    let stdout = |name: &str| format!("[[output]]\nname = '{name}'\nkind = 'stdout'\n");
    for (text, said) in [
        (stdout("a") + &stdout("b"), "standard output already"),
        (file("a") + &file("b"), "another output writes to this file"),
        (stdout("a") + &file("a"), "another output is called `a`"),
        (
            http("url = 'http://h'\ntoken_file = '/t'"),
            "readable on the way",
        ),
        (
            http("url = 'https://u:geheim@h'"),
            "holds a name or password",
        ),
        (http("url = 'geheim'"), "it is no URL"),
        (http("url = 'https://h'\ntimeout = '0s'"), "out of bounds"),
        (
            http("url = 'https://h'\nbatch_bytes = '17MiB'"),
            "out of bounds",
        ),
        (
            (0..17).map(|n| file(&n.to_string())).collect(),
            "17 of them; 16 are possible",
        ),
    ] {
        let shown = shown(&text).join("\n");
        assert!(shown.contains(said), "{text}\n{shown}");
        assert!(!shown.contains("geheim"), "{shown}");
    }
    for host in ["localhost", "127.0.0.1", "[::1]"] {
        let text = http(&format!("url = 'http://{host}:1'\ntoken_file = '/t'"));
        assert_eq!(outputs(&text).len(), 1, "{host}");
    }
}
