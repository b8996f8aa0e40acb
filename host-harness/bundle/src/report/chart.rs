//! Drawing what was counted over time, as SVG in the page.

use std::collections::BTreeMap;

use askama::Template;

use super::{Error, activity::Activity, activity::Bucket};
use crate::timestamp::Timestamp;

/// The most bars of a timeline.
const MAX_BARS: i64 = 120;

/// The most classes with a colour of their own; the rarer ones share the last.
const MAX_CLASSES: usize = 6;

/// Of lines at times far from all others, at most one in so many is left out of the drawing.
const STRAY_SHARE: u64 = 100;

// The drawing, in units of its view box: 960 wide, of which bars get what the labels leave.
const LEFT: f64 = 56.0;
const WIDTH: f64 = 896.0;
const LINES: Lane = Lane {
    top: 32.0,
    height: 102.0,
};
const TROUBLE: Lane = Lane {
    top: 166.0,
    height: 80.0,
};

/// A band of bars that share a scale.
struct Lane {
    top: f64,
    height: f64,
}

#[derive(Template)]
#[template(path = "chart.html")]
struct Chart {
    per: String,
    lines: Vec<Bar>,
    most_lines: u64,
    trouble: Vec<Bar>,
    most_trouble: u64,
    classes: Vec<(usize, &'static str, u64)>,
    triggers: Vec<Mark>,
    ticks: Vec<Mark>,
    notes: Vec<String>,
}

struct Bar {
    x: String,
    y: String,
    width: String,
    height: String,
    colour: usize,
    title: String,
}

struct Mark {
    x: String,
    anchor: &'static str,
    title: String,
}

/// The timeline as a piece of a page; `None` when there is nothing to draw.
pub(super) fn timeline(activity: &Activity) -> Result<Option<String>, Error> {
    let mut time = activity.time.clone();
    let stray = leave_out_strays(&mut time.buckets);
    let range = |time: &super::activity::Buckets| {
        let first = *time.buckets.first_key_value()?.0;
        Some((first, time.buckets.last_key_value()?.0 - first + 1))
    };
    while range(&time).is_some_and(|(_, count)| count > MAX_BARS) {
        time.widen();
    }
    let Some((first, count)) = range(&time) else {
        return Ok(None);
    };
    let slot = WIDTH / count as f64;
    let x = |number: i64| LEFT + (number - first) as f64 * slot;
    let start = |number: i64| number.saturating_mul(time.width);
    let ranks = ranks(&activity.classes);
    let most = |of: &dyn Fn(&Bucket) -> u64| time.buckets.values().map(of).max().unwrap_or(0);
    let most_lines = most(&|bucket| bucket.lines);
    let most_trouble = most(&|bucket| bucket.trouble.values().sum());
    let bar = |number: i64, lane: &Lane, from: u64, value: u64, most: u64, colour, what: String| {
        let unit = lane.height / most.max(1) as f64;
        let (from, height) = (from as f64 * unit, (value as f64 * unit).max(1.0));
        Bar {
            x: coordinate(x(number)),
            y: coordinate(lane.top + lane.height - from - height),
            width: coordinate((slot - 1.0).max(0.5)),
            height: coordinate(height),
            colour,
            title: format!("{} {what}", clock(start(number))),
        }
    };
    let (mut lines, mut trouble, mut triggers) = (Vec::new(), Vec::new(), Vec::new());
    for (&number, bucket) in &time.buckets {
        if bucket.lines > 0 {
            let what = format!("lines: {}", bucket.lines);
            lines.push(bar(number, &LINES, 0, bucket.lines, most_lines, 0, what));
        }
        let mut below = 0;
        for (colour, name, value) in stack(bucket, &ranks) {
            let what = format!("{name}: {value}");
            trouble.push(bar(
                number,
                &TROUBLE,
                below,
                value,
                most_trouble,
                colour,
                what,
            ));
            below += value;
        }
        if bucket.triggers > 0 {
            triggers.push(Mark {
                x: coordinate(x(number) + slot / 2.0),
                anchor: "middle",
                title: format!("{} triggers: {}", clock(start(number)), bucket.triggers),
            });
        }
    }
    let mut classes: BTreeMap<usize, (usize, &'static str, u64)> = BTreeMap::new();
    for (class, count) in &activity.classes {
        let (colour, name) = ranks.get(class).copied().unwrap_or((0, class));
        classes.entry(colour).or_insert((colour, name, 0)).2 += count;
    }
    let chart = Chart {
        per: stretch(time.width),
        lines,
        most_lines,
        trouble,
        most_trouble,
        classes: classes.into_values().collect(),
        triggers,
        ticks: ticks(first, count, time.width),
        notes: notes(activity.untimed, stray),
    };
    Ok(Some(chart.render()?))
}

fn notes(untimed: u64, stray: u64) -> Vec<String> {
    [
        (untimed, "lines without a time are not drawn."),
        (stray, "lines at times far from all others are not drawn."),
    ]
    .into_iter()
    .filter(|(count, _)| *count > 0)
    .map(|(count, what)| format!("{count} {what}"))
    .collect()
}

/// The colour and name of every class: those with most trouble have one of their own.
fn ranks(classes: &BTreeMap<&'static str, u64>) -> BTreeMap<&'static str, (usize, &'static str)> {
    let mut all: Vec<_> = classes.iter().collect();
    all.sort_by(|a, b| b.1.cmp(a.1).then(a.0.cmp(b.0)));
    let shared = all.len() > MAX_CLASSES;
    let ranked = all.into_iter().enumerate().map(|(rank, (class, _))| {
        if shared && rank + 1 >= MAX_CLASSES {
            (*class, (MAX_CLASSES - 1, "other"))
        } else {
            (*class, (rank, *class))
        }
    });
    ranked.collect()
}

/// The pieces of a stacked bar, from below: colour, name and size.
fn stack(
    bucket: &Bucket,
    ranks: &BTreeMap<&'static str, (usize, &'static str)>,
) -> Vec<(usize, &'static str, u64)> {
    let mut pieces: BTreeMap<usize, (usize, &'static str, u64)> = BTreeMap::new();
    for (class, count) in &bucket.trouble {
        let (colour, name) = ranks.get(class).copied().unwrap_or((0, class));
        pieces.entry(colour).or_insert((colour, name, 0)).2 += count;
    }
    pieces.into_values().collect()
}

/// Takes away lines at either end that are few and far from all others, such as those of a source
/// whose clock is wrong: they would leave the others one bar. Answers how many.
fn leave_out_strays(buckets: &mut BTreeMap<i64, Bucket>) -> u64 {
    let total: u64 = buckets.values().map(|bucket| bucket.lines).sum();
    let mut stray = 0;
    while buckets.len() > 1 {
        let numbers: Vec<i64> = buckets.keys().copied().collect();
        let (first, last) = (numbers.first().copied(), numbers.last().copied());
        let (Some(first), Some(last)) = (first, last) else {
            break;
        };
        let far = |end: i64, next: Option<&i64>, other: i64| {
            let Some(next) = next else { return false };
            // Half of all the time lies between it and the next, and there is much of it.
            let gap = end.abs_diff(*next);
            gap > MAX_BARS.unsigned_abs() && gap > next.abs_diff(other)
        };
        let candidate = if far(first, numbers.get(1), last) {
            first
        } else if far(last, numbers.get(numbers.len() - 2), first) {
            last
        } else {
            break;
        };
        let Some(bucket) = buckets.get(&candidate) else {
            break;
        };
        if bucket.triggers > 0 || (stray + bucket.lines) * STRAY_SHARE > total {
            break;
        }
        stray += bucket.lines;
        buckets.remove(&candidate);
    }
    stray
}

/// Where the axis is labelled: at the ends and between.
fn ticks(first: i64, count: i64, width: i64) -> Vec<Mark> {
    let most = if count == 1 { 1 } else { 4 };
    let spans_days = count.saturating_mul(width) >= 86_400_000_000;
    (0..=most)
        .map(|tick| {
            let number = count * tick / most;
            let text = clock(first.saturating_add(number).saturating_mul(width));
            let short = match text.split_once(' ') {
                Some((_, hours)) if !spans_days && tick > 0 => hours.to_owned(),
                _ => text,
            };
            Mark {
                x: coordinate(LEFT + WIDTH * number as f64 / count as f64),
                anchor: match tick {
                    0 => "start",
                    tick if tick == most => "end",
                    _ => "middle",
                },
                title: short,
            }
        })
        .collect()
}

/// `2026-03-02 10:04`.
fn clock(micros: i64) -> String {
    let text = Timestamp::from_micros(micros).to_string();
    text.get(..16).unwrap_or(&text).replace('T', " ")
}

/// How long a bar's time is, in words.
fn stretch(width: i64) -> String {
    let minutes = width / 60_000_000;
    match (minutes, minutes / 60, minutes / 1_440) {
        (1, ..) => "minute".to_owned(),
        (minutes, 0, _) => format!("{minutes} minutes"),
        (_, 1, _) => "hour".to_owned(),
        (_, hours, 0) => format!("{hours} hours"),
        (_, _, 1) => "day".to_owned(),
        (_, _, days) => format!("{days} days"),
    }
}

fn coordinate(value: f64) -> String {
    format!("{value:.1}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: i64 = 60_000_000;

    #[test]
    fn bars_are_as_high_as_counts_and_the_trigger_is_marked() {
        let mut activity = Activity::default();
        for minute in [0, 0, 0, 0, 1, 3] {
            activity.add_at(b"x", minute * MINUTE);
        }
        activity.add_trigger(3 * MINUTE + 1);
        let html = timeline(&activity).unwrap().unwrap();
        for part in [
            r#"x="56.0" y="32.0" width="223.0" height="102.0""#,
            r#"height="25.5""#,
            "1970-01-01 00:03 triggers: 1",
            "1970-01-01 00:00 lines: 4",
            "Lines per minute",
        ] {
            assert!(html.contains(part), "{part}\n{html}");
        }
        assert!(!html.contains("not drawn"));
        assert_eq!(Some(html), timeline(&activity).unwrap());
        assert_eq!(timeline(&Activity::default()).unwrap(), None);
    }

    #[test]
    fn there_are_never_more_bars_than_the_bound() {
        for (count, per) in [(MAX_BARS, "per minute"), (MAX_BARS + 1, "per 5 minutes")] {
            let mut activity = Activity::default();
            for minute in 0..count {
                activity.add_at(b"x", minute * MINUTE);
            }
            let html = timeline(&activity).unwrap().unwrap();
            assert!(html.contains(per), "{html}");
            assert!(html.matches("<rect").count() <= MAX_BARS as usize);
        }
        assert_eq!(stretch(720 * MINUTE), "12 hours");
        assert_eq!(stretch(2 * 1_440 * MINUTE), "2 days");
    }

    #[test]
    fn few_lines_far_away_do_not_squeeze_the_others() {
        let mut activity = Activity::default();
        for minute in 0..200 {
            activity.add_at(b"x", 1_772_445_600_000_000 + minute * MINUTE);
        }
        activity.add_at(b"x", 0);
        activity.add_at(b"x", i64::MAX);
        let html = timeline(&activity).unwrap().unwrap();
        assert!(html.contains("2 lines at times far from all others"));
        assert!(html.contains("per 5 minutes"), "{html}");
        let mut few = Activity::default();
        few.add_at(b"x", 0);
        few.add_at(b"x", 1_772_445_600_000_000);
        assert!(!timeline(&few).unwrap().unwrap().contains("far from"));
    }

    #[test]
    fn rare_classes_share_a_colour() {
        let classes: Vec<&'static str> = vec!["a", "b", "c", "d", "e", "f", "g", "h"];
        let counts = classes.iter().zip([1, 9, 8, 7, 6, 5, 4, 3]);
        let ranks = ranks(&counts.map(|(class, count)| (*class, count)).collect());
        assert_eq!((ranks["b"], ranks["f"]), ((0, "b"), (4, "f")));
        for class in ["g", "h", "a"] {
            assert_eq!(ranks[class], (5, "other"));
        }
    }
}
