//! The exports of the world. The state is the number of lines counted.

use std::cell::{Cell, RefCell};

use tripline_core::contract::request_id;

use super::bindings::exports::tripline::plugin::transform::{
    Context, Edit, Fold, Guest, Info, Output, Problem, RejectedLine, Request,
};
use super::misdeeds;

thread_local! {
    static LINES: Cell<u64> = const { Cell::new(0) };
    /// What the rules were; `SPOILED` makes `checkpoint` trap.
    static RULES: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Implements the world.
pub(crate) struct Misbehaving;

// === impl Misbehaving ===

impl Guest for Misbehaving {
    fn configure(rules: String) -> Result<Info, Vec<Problem>> {
        misdeeds::before(&rules);
        if rules.contains("PROBLEM") {
            let problem = |path: &str| Problem {
                path: path.to_owned(),
                message: "is a problem".to_owned(),
                attributes: Vec::new(),
            };
            return Err(vec![problem("/a"), problem("/b")]);
        }
        let name = if rules.contains("LIE-NAME!") {
            ""
        } else {
            "misbehaving"
        };
        RULES.set(rules);
        LINES.set(0);
        Ok(Info {
            name: name.to_owned(),
            version: "1.0".to_owned(),
            attributes: Vec::new(),
        })
    }

    fn process(batch: Vec<u8>, _context: Context) -> Output {
        let batch = String::from_utf8_lossy(&batch);
        let mut output = nothing();
        for (number, line) in (0..).zip(batch.lines()) {
            misdeeds::before(line);
            judge(number, line, &mut output);
            LINES.set(LINES.get() + 1);
        }
        misdeeds::spoil(&batch, &mut output);
        output
    }

    fn advance(context: Context) -> Output {
        context
            .attributes
            .iter()
            .for_each(|(_, value)| misdeeds::before(value));
        // An advance counts as a thousand lines, so that a forgotten one shows.
        LINES.set(LINES.get() + 1_000);
        nothing()
    }

    fn explain(query: String) -> String {
        misdeeds::before(&query);
        LINES.get().to_string()
    }

    fn checkpoint() -> Vec<u8> {
        RULES.with_borrow(|rules| misdeeds::before(&rules.replace("SPOILED", "TRAP!")));
        LINES.get().to_le_bytes().to_vec()
    }

    fn restore(state: Vec<u8>) -> Result<Vec<String>, String> {
        let lines = state
            .try_into()
            .map_err(|_| "this is no state of mine".to_owned())?;
        LINES.set(u64::from_le_bytes(lines));
        Ok(Vec::new())
    }
}

fn nothing() -> Output {
    Output {
        edits: Vec::new(),
        text: Vec::new(),
        times: Vec::new(),
        rejected: Vec::new(),
        requests: Vec::new(),
        folded: Vec::new(),
        counts: Vec::new(),
        attributes: Vec::new(),
    }
}

fn judge(number: u32, line: &str, output: &mut Output) {
    let time = time(line);
    output.times.push(time);
    add(&mut output.counts, "records:test");
    if line.contains("FLAG") {
        let text = format!(",\"tripline\":{time}");
        output.text.extend_from_slice(text.as_bytes());
        output.edits.push(Edit {
            line: number,
            offset: (line.len() - 1) as u32,
            remove: 0,
            text_len: text.len() as u32,
        });
        add(&mut output.counts, "flagged:test");
    }
    if line.contains("ASK") {
        output.requests.push(request(number, time));
    }
    if line.contains("FOLD") {
        let id = request_id("test", "group", 0);
        match output.folded.iter_mut().find(|fold| fold.id == id) {
            Some(fold) => fold.count += 1,
            None => output.folded.push(Fold { id, count: 1 }),
        }
    }
    if line.contains("BAD") {
        output.rejected.push(RejectedLine {
            line: number,
            reason: "bad".to_owned(),
        });
    }
}

fn request(line: u32, at: i64) -> Request {
    Request {
        id: request_id("test", "group", at),
        rule: "test".to_owned(),
        group: "group".to_owned(),
        at,
        from: at,
        to: at,
        line: Some(line),
        severity: "info".to_owned(),
        evidence: "{}".to_owned(),
        attributes: Vec::new(),
    }
}

fn time(line: &str) -> i64 {
    let digits = line.split("\"t\":").nth(1).unwrap_or_default();
    let end = digits
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(digits.len());
    digits
        .get(..end)
        .and_then(|number| number.parse().ok())
        .unwrap_or(0)
}

fn add(counts: &mut Vec<(String, u64)>, key: &str) {
    match counts.iter_mut().find(|(known, _)| known == key) {
        Some((_, count)) => *count += 1,
        None => counts.push((key.to_owned(), 1)),
    }
}
