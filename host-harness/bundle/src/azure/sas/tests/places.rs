//! Files, variables and standard input.

use std::io::Cursor;
use std::path::Path;

use super::*;

fn write(path: &Path, text: &str, mode: u32) {
    fs::write(path, text).unwrap();
    chmod(path, mode);
}

fn chmod(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn permissions(source: &FileSas) -> String {
    source.sas().unwrap().fields().permissions.clone().unwrap()
}

#[test]
fn another_content_of_the_file_is_in_force_at_once() {
    let dir = tempfile::TempDir::new().unwrap();
    let path = dir.path().join("sas");
    let source = FileSas::new(&path);
    let error = source.sas().unwrap_err().to_string();
    assert!(
        error.ends_with("it is not there (hint: check the path, or write the SAS to it)"),
        "{error}"
    );
    assert_eq!(source.generation(), 0);

    write(&path, &text("rcw"), 0o600);
    assert_eq!(permissions(&source), "rcw");
    assert_eq!(source.generation(), 1, "one where there was none");
    let first = source.sas().unwrap();
    assert!(
        Arc::ptr_eq(&first, &source.sas().unwrap()),
        "it is not read again"
    );

    // Written in place, of the same length.
    write(&path, &text("rwt"), 0o600);
    assert_eq!(source.generation(), 2, "also when only this is asked");
    assert_eq!(permissions(&source), "rwt");

    // Moved into place, as tools that write atomically do.
    let fresh = dir.path().join("fresh");
    write(&fresh, &text("cwt"), 0o640);
    fs::rename(&fresh, &path).unwrap();
    assert_eq!(
        (permissions(&source).as_str(), source.generation()),
        ("cwt", 3)
    );

    // The same content again is no reason to try again.
    write(&fresh, &format!("\u{feff}'{}'\r\n", text("cwt")), 0o640);
    fs::rename(&fresh, &path).unwrap();
    assert_eq!(
        (permissions(&source).as_str(), source.generation()),
        ("cwt", 3)
    );

    fs::remove_file(&path).unwrap();
    assert!(matches!(source.sas(), Err(SasError::Unreadable { .. })));
    assert_eq!(source.generation(), 3);
    write(&path, &text("cwt"), 0o600);
    assert_eq!(source.generation(), 4, "it is back");
}

#[test]
fn a_file_that_everybody_may_read_or_change_is_refused() {
    let dir = tempfile::TempDir::new().unwrap();
    let path = dir.path().join("sas");
    for (mode, is_fine) in [
        (0o600, true),
        (0o640, true),
        (0o660, true),
        (0o400, true),
        (0o644, false),
        (0o604, false),
        (0o602, false),
    ] {
        write(&path, &text("rcw"), 0o600);
        chmod(&path, mode);
        let source = FileSas::new(&path);
        let found = source.sas();
        assert_eq!(found.is_ok(), is_fine, "{mode:o}");
        if let Err(error) = found {
            let shown = error.to_string();
            let remedy = format!("(hint: `chmod o= {}`)", path.display());
            assert!(shown.ends_with(&remedy), "{shown}");
            // The remedy is seen without a restart: the content has not changed, the permissions have.
            chmod(&path, mode & !0o007);
            assert_eq!(source.generation(), 1);
            assert_eq!(permissions(&source), "rcw");
        }
    }
}

#[test]
fn what_is_in_a_file_is_read_as_tools_write_it() {
    let dir = tempfile::TempDir::new().unwrap();
    let path = dir.path().join("sas");
    let fine = text("rcw");
    let read = |content: &str| {
        write(&path, content, 0o600);
        FileSas::new(&path).sas()
    };
    for content in [
        format!("{fine}\n"),
        format!("\u{feff}{fine}\r\n"),
        format!("\"{fine}\"\n"),
    ] {
        assert!(read(&content).is_ok());
    }
    assert!(matches!(read(" \n"), Err(SasError::Empty { .. })));
    assert_eq!(
        read(&format!("{fine}\n{fine}\n")).unwrap_err(),
        SasError::NoUrl
    );
    assert_eq!(
        read(&"x".repeat(MAX_SAS_BYTES + 1)).unwrap_err(),
        SasError::TooLong
    );
    assert_eq!(
        read(&"x".repeat(MAX_SAS_BYTES)).unwrap_err(),
        SasError::NoUrl
    );
    let error = FileSas::new(dir.path()).sas().unwrap_err().to_string();
    assert!(error.contains("it is no file"), "{error}");
}

#[test]
fn standard_input_and_the_environment_are_read_once() {
    let sas = read_stdin(Cursor::new(format!("{}\n", text("rcw")))).unwrap();
    assert_eq!(sas.fields().permits('w'), Some(true));
    assert_eq!(sas.generation(), 0);
    assert!(matches!(
        read_stdin(Cursor::new("")),
        Err(SasError::Empty { .. })
    ));
    let error = read_env("TRIPLINE_NO_SUCH_VARIABLE")
        .unwrap_err()
        .to_string();
    assert_eq!(
        error,
        "cannot read the SAS from the environment variable `TRIPLINE_NO_SUCH_VARIABLE`: it is not set"
    );
}
