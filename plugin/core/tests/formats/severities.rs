//! Levels and severities of each source in our words.

use serde_json::json;

use crate::support::{read, signalr};

#[test]
fn levels_of_resource_logs() {
    for (level, ours) in [
        (json!("Critical"), Some("fatal")),
        (json!("Error"), Some("error")),
        (json!("Warning"), Some("warning")),
        (json!("Informational"), Some("info")),
        (json!("Information"), Some("info")),
        (json!("Info"), Some("info")),
        (json!("Notice"), Some("info")),
        (json!("Verbose"), Some("debug")),
        (json!("Debug"), Some("debug")),
        (json!("Trace"), Some("debug")),
        (json!(1), Some("fatal")),
        (json!(2), Some("error")),
        (json!(3), Some("warning")),
        (json!(4), Some("info")),
        (json!("5"), Some("debug")),
        (json!(0), None),
        (json!(6), None),
        (json!("Loud"), None),
        (json!(null), None),
    ] {
        let mut record = signalr("X", json!({}));
        record["level"] = level.clone();
        assert_eq!(read(&record.to_string()).severity(), ours, "{level}");
    }
}

#[test]
fn severities_of_alerts() {
    for (severity, ours) in [
        ("Critical", Some("fatal")),
        ("Warning", Some("warning")),
        ("warning ", Some("warning")),
        ("Odd", None),
    ] {
        let alert = json!({"alertId": "a", "faultTypeId": "A.B", "severity": severity}).to_string();
        assert_eq!(read(&alert).severity(), ours, "{severity}");
    }
}

#[test]
fn severities_of_cef() {
    for (severity, ours) in [
        ("0", "debug"),
        ("1", "info"),
        ("2", "info"),
        ("3", "info"),
        ("4", "warning"),
        ("5", "warning"),
        ("6", "warning"),
        ("7", "error"),
        ("8", "error"),
        ("9", "fatal"),
        ("10", "fatal"),
        ("Information", "info"),
        ("Low", "info"),
        ("Medium", "warning"),
        ("High", "error"),
        ("Very-High", "fatal"),
    ] {
        let line = format!("CEF:0|a|b|c|d|e|{severity}|k=v");
        assert_eq!(read(&line).severity(), Some(ours), "{severity}");
    }
    assert_eq!(read("CEF:0|a|b|c|d|e|11|k=v").severity(), None);
}
