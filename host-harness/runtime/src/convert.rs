//! Between the generated types and the contract's. Field by field, nothing is decided.

use tripline_core::contract;

use crate::bindings::exports::tripline::plugin::transform as wit;

pub(crate) fn wit_context(context: &contract::Context) -> wit::Context {
    let contract::Context {
        source,
        arrived,
        attributes,
    } = context.clone();
    wit::Context {
        source,
        arrived,
        attributes,
    }
}

pub(crate) fn contract_info(info: wit::Info) -> contract::Info {
    let wit::Info {
        name,
        version,
        attributes,
    } = info;
    contract::Info {
        name,
        version,
        attributes,
    }
}

pub(crate) fn contract_problem(problem: wit::Problem) -> contract::Problem {
    let wit::Problem {
        path,
        message,
        attributes: _,
    } = problem;
    contract::Problem { path, message }
}

pub(crate) fn contract_output(output: wit::Output) -> contract::Output {
    let wit::Output {
        edits,
        text,
        times,
        rejected,
        requests,
        folded,
        counts,
        attributes,
    } = output;
    contract::Output {
        edits: edits.into_iter().map(contract_edit).collect(),
        text,
        times,
        rejected: rejected.into_iter().map(contract_rejected_line).collect(),
        requests: requests.into_iter().map(contract_request).collect(),
        folded: folded.into_iter().map(contract_fold).collect(),
        counts,
        attributes,
    }
}

fn contract_edit(edit: wit::Edit) -> contract::Edit {
    let wit::Edit {
        line,
        offset,
        remove,
        text_len,
    } = edit;
    contract::Edit {
        line,
        offset,
        remove,
        text_len,
    }
}

fn contract_rejected_line(rejected: wit::RejectedLine) -> contract::RejectedLine {
    let wit::RejectedLine { line, reason } = rejected;
    contract::RejectedLine { line, reason }
}

fn contract_request(request: wit::Request) -> contract::Request {
    let wit::Request {
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
    contract::Request {
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

fn contract_fold(fold: wit::Fold) -> contract::Fold {
    let wit::Fold { id, count } = fold;
    contract::Fold { id, count }
}
