//! The results as JUnit XML, which build servers read.

use std::io::Write as _;
use std::path::Path;

use anyhow::Context as _;
use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use super::FileResult;

/// Writes the results: a suite for each file, without times, so that equal runs give equal bytes.
///
/// # Errors
/// When the file cannot be written.
pub(super) fn write(path: &Path, results: &[FileResult]) -> anyhow::Result<()> {
    let mut report = Report::new("tripline rules test");
    for file in results {
        let mut suite = TestSuite::new(file.file.as_str());
        for case in &file.cases {
            let mut status = TestCaseStatus::success();
            if let Some(first) = case.differences.first() {
                status = TestCaseStatus::non_success(NonSuccessKind::Failure);
                status.set_type("difference");
                status.set_message(first.as_str());
                status.set_description(case.differences.join("\n"));
            }
            let mut test = TestCase::new(case.name.as_str(), status);
            test.set_classname(file.file.as_str());
            test.extra
                .insert("line".into(), case.line.to_string().into());
            suite.add_test_case(test);
        }
        report.add_test_suite(suite);
    }
    let text = report.to_string().context("cannot make the JUnit report")?;
    let written = std::fs::File::create(path).and_then(|mut file| file.write_all(text.as_bytes()));
    written.with_context(|| format!("cannot write `{}` (hint: check --junit)", path.display()))
}
