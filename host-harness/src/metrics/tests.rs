use super::*;

fn has(metrics: &Metrics, line: &str) {
    let text = metrics.text();
    assert!(text.lines().any(|found| found == line), "{line}\n{text}");
}

#[test]
fn names_have_units_and_counters_end_in_total() {
    let metrics = Metrics::new();
    metrics.lines(LineOutcome::Passed, 5);
    metrics.lines(LineOutcome::Unrecorded, 2);
    metrics.lines(LineOutcome::Unjudged, 1);
    metrics.lines(LineOutcome::Late, 4);
    metrics.quarantined("not-json", 3);
    metrics.flagged("signalr.ping-timeout", 2);
    metrics.request("signalr.ping-timeout", RequestOutcome::Suppressed);
    metrics.folded(6);
    metrics.spool([("sealed", 2), ("no-state", 9)], Duration::from_secs(61), 7);
    metrics.uploaded_bytes(1_000);
    metrics.upload(UploadOutcome::Delivered);
    metrics.plugin_traps(1);
    metrics.batch(Duration::from_millis(3));
    metrics.recorder_bytes(9);
    metrics.notification(true);
    metrics.suppressed_logs(4);
    metrics.suppressed_logs(5);
    for line in [
        r#"tripline_lines_total{outcome="passed"} 5"#,
        r#"tripline_lines_total{outcome="quarantined"} 0"#,
        "tripline_unrecorded_lines_total 2",
        "tripline_unjudged_lines_total 1",
        "tripline_late_lines_total 4",
        r#"tripline_quarantined_lines_total{reason="not-json"} 3"#,
        r#"tripline_flagged_lines_total{rule="signalr.ping-timeout"} 2"#,
        r#"tripline_bundle_requests_total{rule="signalr.ping-timeout",outcome="suppressed"} 1"#,
        "tripline_folded_lines_total 6",
        r#"tripline_spool_depth{state="sealed"} 2"#,
        "tripline_spool_oldest_age_seconds 61",
        "tripline_spool_size_bytes 7",
        "tripline_upload_bytes_total 1000",
        r#"tripline_uploads_total{outcome="delivered"} 1"#,
        "tripline_plugin_traps_total 1",
        r#"tripline_batch_duration_seconds_bucket{le="0.005"} 1"#,
        r#"tripline_batch_duration_seconds_bucket{le="0.002"} 0"#,
        "tripline_recorder_bytes 9",
        r#"tripline_notifications_total{outcome="sent"} 1"#,
        "tripline_suppressed_log_lines_total 5",
        concat!(
            "tripline_build_info{version=\"",
            env!("CARGO_PKG_VERSION"),
            "\"} 1"
        ),
    ] {
        has(&metrics, line);
    }
    assert!(!metrics.text().contains("no-state"));
    assert!(metrics.text().ends_with("# EOF\n"));
}

#[test]
fn what_is_not_known_yet_is_not_there() {
    let metrics = Metrics::new();
    let names = [
        "tripline_sas_expiry_seconds",
        "tripline_last_line_timestamp_seconds",
        "tripline_canary_last_success_timestamp_seconds",
    ];
    for name in names {
        assert!(!metrics.text().contains(&format!("{name} ")), "{name}");
    }
    metrics.sas_expiry(-5);
    metrics.last_line(6);
    metrics.canary(7);
    for (name, value) in names.iter().zip([-5, 6, 7]) {
        has(&metrics, &format!("{name} {value}"));
    }
}

#[test]
fn so_many_names_are_kept_apart_and_no_text_becomes_a_label() {
    let metrics = Metrics::new();
    for number in 0..=MOST_RULES {
        metrics.flagged(&format!("r{number}"), 1);
    }
    metrics.flagged("r0", 1);
    metrics.flagged("a b", 1);
    metrics.flagged("", 1);
    metrics.flagged(&"r".repeat(101), 1);
    has(&metrics, r#"tripline_flagged_lines_total{rule="r0"} 2"#);
    has(
        &metrics,
        &format!(
            "tripline_flagged_lines_total{{rule=\"r{}\"}} 1",
            MOST_RULES - 1
        ),
    );
    has(&metrics, r#"tripline_flagged_lines_total{rule="other"} 4"#);
    let text = metrics.text();
    assert_eq!(
        text.matches("tripline_flagged_lines_total{").count(),
        MOST_RULES + 1
    );
    for number in 0..=MOST_REASONS {
        metrics.quarantined(&format!("q{number}"), 1);
    }
    has(
        &metrics,
        r#"tripline_quarantined_lines_total{reason="other"} 1"#,
    );
}
