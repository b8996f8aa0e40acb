//! An explanation as text.

use serde_json::Value;

/// An explanation for people: what the line is, then a paragraph for each rule, those that had most to
/// do with it first.
#[must_use]
pub fn describe(answer: &Value) -> String {
    let mut lines = Vec::new();
    if let Some(reason) = answer["rejected"].as_str() {
        lines.push(format!(
            "The line is no record: {reason}. It goes to quarantine, and no rule sees it."
        ));
    } else if answer["record"].is_object() {
        describe_line(answer, &mut lines);
    } else {
        describe_group(answer, &mut lines);
    }
    lines.push(String::new());
    lines.join("\n")
}

fn describe_line(answer: &Value, lines: &mut Vec<String>) {
    let record = &answer["record"];
    let place = &answer["line"];
    let mut facts = vec![text(&record["kind"])];
    for key in ["reason", "class", "fault", "severity"] {
        if let Some(value) = record[key].as_str() {
            facts.push(format!("{key} {value}"));
        }
    }
    if record["annotated"] == true {
        facts.push("annotated before, so not judged again".to_owned());
    }
    lines.push(match place["number"].as_u64() {
        Some(0) | None => "The line, as if it came next".to_owned(),
        Some(number) => format!("{}:{number}", text(&place["source"])),
    });
    let time = record["time"].as_str().unwrap_or("no time of its own");
    lines.push(format!("  {time}, {}", facts.join(", ")));
    if let Some(resource) = record["resource"].as_str() {
        lines.push(format!("  of {resource}"));
    }
    for timer in answer["timers"].as_array().into_iter().flatten() {
        lines.push(String::new());
        lines.push(format!("{}: its time had come", text(&timer["rule"])));
        lines.push(format!(
            "  asks for bundle {} of group {}",
            text(&timer["request"]),
            text(&timer["group"])
        ));
        lines.extend(host(&timer["host"]));
    }
    let rules = answer["rules"].as_array().into_iter().flatten();
    let (concerned, others): (Vec<_>, Vec<_>) =
        rules.partition(|account| !matches!(account["outcome"].as_str(), Some("no-match" | "off")));
    for account in concerned {
        lines.push(String::new());
        lines.push(format!(
            "{}: {}",
            text(&account["rule"]),
            text(&account["outcome"])
        ));
        lines.push(format!("  {}", text(&account["why"])));
        if let Some(group) = account["group"].as_str().filter(|group| !group.is_empty()) {
            lines.push(format!("  group {group}"));
        }
        lines.extend(host(&account["host"]));
    }
    lines.push(String::new());
    for account in others {
        lines.push(format!(
            "{}: {}",
            text(&account["rule"]),
            text(&account["why"])
        ));
    }
}

fn describe_group(answer: &Value, lines: &mut Vec<String>) {
    lines.push(format!("Group {}", text(&answer["group"])));
    for rule in answer["rules"].as_array().into_iter().flatten() {
        let groups = rule["groups"].as_array().into_iter().flatten();
        let holds = rule["holds"].as_array().into_iter().flatten();
        let mut paragraph: Vec<String> = groups.flat_map(group_lines).collect();
        paragraph.extend(holds.map(|hold| {
            format!(
                "  held: alert {} is active since {}; it asks if it still is at {}",
                text(&hold["alert"]),
                text(&hold["since"]),
                text(&hold["until"])
            )
        }));
        for made in rule["made"].as_array().into_iter().flatten() {
            paragraph.push(format!(
                "  request {} at {}",
                text(&made["request"]),
                text(&made["at"])
            ));
            paragraph.extend(host(made));
        }
        if !paragraph.is_empty() {
            lines.push(String::new());
            lines.push(format!("{} ({})", text(&rule["rule"]), text(&rule["kind"])));
            lines.append(&mut paragraph);
        }
    }
}

fn group_lines(group: &Value) -> Vec<String> {
    let count = |key: &str| group[key].as_u64().unwrap_or_default();
    let mut lines = vec![format!(
        "  {} matches until {}: {} asked, {} folded, {} too late to count",
        count("matches"),
        text(&group["clock"]),
        count("requests"),
        count("folded"),
        count("late")
    )];
    if group["threshold"].is_u64() {
        lines.push(format!(
            "  at most {} of {} within {}, reached at {}",
            count("peak"),
            count("threshold"),
            text(&group["within"]),
            text(&group["peak_at"])
        ));
    }
    if let (Some(id), Some(until)) = (
        group["last_request"].as_str(),
        group["cooldown_until"].as_str(),
    ) {
        lines.push(format!(
            "  last request {id}, its cooldown runs until {until}"
        ));
    }
    lines
}

/// What the host made of a request, if that is not simply to seal it.
fn host(fate: &Value) -> Option<String> {
    if fate["state"] != "suppressed" {
        return None;
    }
    let cause = text(&fate["cause"]);
    Some(match cause.as_str() {
        "shadow mode" => {
            "  not sealed: mode = \"shadow\", the request is only written down".to_owned()
        }
        cap => format!("  not sealed, the storm cap was reached: {cap}"),
    })
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or("-").to_owned()
}
