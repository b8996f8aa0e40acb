//! Between the core's contract types and the generated ones. Field by field, nothing is decided.

use tripline_core::contract;

use super::bindings::exports::tripline::plugin::transform as wit;

pub(crate) fn contract_context(context: wit::Context) -> contract::Context {
    let wit::Context {
        source,
        arrived,
        attributes,
    } = context;
    contract::Context {
        source,
        arrived,
        attributes,
    }
}

pub(crate) fn wit_info(info: contract::Info) -> wit::Info {
    let contract::Info {
        name,
        version,
        attributes,
    } = info;
    wit::Info {
        name,
        version,
        attributes,
    }
}

pub(crate) fn wit_problem(problem: contract::Problem) -> wit::Problem {
    let contract::Problem { path, message } = problem;
    wit::Problem {
        path,
        message,
        attributes: Vec::new(),
    }
}

pub(crate) fn wit_output(output: contract::Output) -> wit::Output {
    let contract::Output {
        edits,
        text,
        times,
        rejected,
        requests,
        folded,
        counts,
        attributes,
    } = output;
    wit::Output {
        edits: edits.into_iter().map(wit_edit).collect(),
        text,
        times,
        rejected: rejected.into_iter().map(wit_rejected_line).collect(),
        requests: requests.into_iter().map(wit_request).collect(),
        folded: folded.into_iter().map(wit_fold).collect(),
        counts,
        attributes,
    }
}

fn wit_edit(edit: contract::Edit) -> wit::Edit {
    let contract::Edit {
        line,
        offset,
        remove,
        text_len,
    } = edit;
    wit::Edit {
        line,
        offset,
        remove,
        text_len,
    }
}

fn wit_rejected_line(rejected: contract::RejectedLine) -> wit::RejectedLine {
    let contract::RejectedLine { line, reason } = rejected;
    wit::RejectedLine { line, reason }
}

fn wit_request(request: contract::Request) -> wit::Request {
    let contract::Request {
        id,
        rule,
        group,
        at,
        from,
        to,
        line,
        severity,
        evidence,
        attributes,
    } = request;
    wit::Request {
        id,
        rule,
        group,
        at,
        from,
        to,
        line,
        severity,
        evidence,
        attributes,
    }
}

fn wit_fold(fold: contract::Fold) -> wit::Fold {
    let contract::Fold { id, count } = fold;
    wit::Fold { id, count }
}
