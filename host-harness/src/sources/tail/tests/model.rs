//! Whatever happens to the files and to the process, each completed line is taken once.

use proptest::prelude::*;

use super::*;

#[derive(Debug, Clone, Copy)]
enum Step {
    /// Whole lines.
    Append(u8),
    /// A line that is completed by the next.
    Part,
    Rename,
    CopyTruncate,
    /// The oldest rotated file is compressed.
    Pack,
    /// The process looks and takes so many offers.
    Follow(u8),
    /// The process dies over an offer, which was recorded or not.
    Die(bool),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (1u8..4).prop_map(Step::Append),
        2 => Just(Step::Part),
        2 => Just(Step::Rename),
        2 => Just(Step::CopyTruncate),
        1 => Just(Step::Pack),
        4 => (0u8..4).prop_map(Step::Follow),
        3 => any::<bool>().prop_map(Step::Die),
    ]
}

/// The files as logrotate keeps them, and the lines they had.
#[derive(Default)]
struct World {
    lines: Vec<String>,
    part: String,
    next: usize,
    /// How many rotated files there are, and how many of the oldest are compressed.
    rotated: usize,
    packed: usize,
}

impl World {
    fn name(&mut self) -> String {
        self.next += 1;
        format!("{:06} line", self.next)
    }

    fn append(&mut self, scene: &Scene) {
        let line = self.name();
        scene.append("app.log", &format!("{line}\n"));
        let whole = std::mem::take(&mut self.part) + &line;
        self.lines.push(whole);
    }

    fn part(&mut self, scene: &Scene) {
        let part = self.name();
        scene.append("app.log", &part);
        self.part += &part;
    }

    /// `app.log.1` becomes `app.log.2` and so on.
    fn shift(&mut self, scene: &Scene) {
        for number in (1..=self.rotated).rev() {
            let ending = if number > self.rotated - self.packed {
                ".gz"
            } else {
                ""
            };
            scene.rename(
                &format!("app.log.{number}{ending}"),
                &format!("app.log.{}{ending}", number + 1),
            );
        }
        self.rotated += 1;
        let part = std::mem::take(&mut self.part);
        self.lines
            .extend(Some(part).filter(|part| !part.is_empty()));
    }
}

fn run(steps: &[Step]) {
    let mut scene = Scene::new("app.log*", ReadFrom::Beginning);
    let mut world = World::default();
    for step in steps {
        // Empty files are not rotated (logrotate's `notifempty`): there is nothing to tell them by, and the
        // inode of one is soon that of another.
        let is_there = fs::metadata(scene.path("app.log")).is_ok_and(|file| file.len() > 0);
        // A file that nobody saw before it was rotated may never get the newline of its last line.
        if matches!(step, Step::Rename | Step::CopyTruncate) && !world.part.is_empty() {
            scene.follow();
        }
        match *step {
            Step::Append(lines) => (0..lines).for_each(|_| world.append(&scene)),
            Step::Part => world.part(&scene),
            Step::Rename if is_there => {
                world.shift(&scene);
                scene.rename("app.log", "app.log.1");
            }
            Step::CopyTruncate if is_there => {
                world.shift(&scene);
                fs::copy(scene.path("app.log"), scene.path("app.log.1")).unwrap();
                fs::write(scene.path("app.log"), "").unwrap();
            }
            // What nobody ever saw is not found in an archive.
            Step::Pack if world.rotated > world.packed => {
                scene.follow();
                let number = world.rotated - world.packed;
                scene.pack(&format!("app.log.{number}"));
                world.packed += 1;
            }
            Step::Follow(offers) => {
                scene.tailer.look();
                (0..offers).for_each(|_| {
                    scene.step();
                });
            }
            Step::Die(is_recorded) => {
                scene.tailer.look();
                scene.die_over_an_offer(is_recorded);
            }
            Step::Rename | Step::CopyTruncate | Step::Pack => {}
        }
    }
    scene.settle();
    let mut taken = scene.lines.clone();
    taken.sort();
    world.lines.sort();
    assert_eq!(taken, world.lines);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn each_completed_line_is_taken_once(steps in prop::collection::vec(step(), 1..30)) {
        run(&steps);
    }
}
