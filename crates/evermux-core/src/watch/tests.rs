//! The keeper's brain in a world of its own, in which time passes at will.

use super::*;
use crate::model::{Fingerprint, Look};

/// A server that changes when a test says so, and a keeper that carries out effects at once.
struct World {
    watch: Watch,
    start: Instant,
    now: Instant,
    /// What a look would show.
    look: Look,
    /// What every save and look takes.
    save_takes: Duration,
    look_takes: Duration,
    failing: Option<&'static str>,
    lost: bool,
    marking: bool,
    /// Looks tell nothing before they are asked to.
    slow: bool,
    log: Vec<(u64, Effect)>,
}

impl World {
    fn new() -> Self {
        let now = Instant::now();
        let look =
            Look { server: Some((1, 1)), sessions: 1, panes: 1, clients: 1, armed: true, ..Look::default() };
        let mut world = Self {
            watch: Watch::new(Pace::default(), now),
            start: now,
            now,
            look,
            save_takes: Duration::from_millis(20),
            look_takes: Duration::from_millis(2),
            failing: None,
            lost: false,
            marking: false,
            slow: false,
            log: Vec::new(),
        };
        world.tell(Event::Came);
        world
    }

    fn tell(&mut self, event: Event) {
        let effects = self.watch.handle(event, self.now);
        for effect in effects {
            self.log.push(((self.now - self.start).as_millis() as u64, effect.clone()));
            self.carry_out(effect);
        }
    }

    fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::Listen | Effect::Look if self.slow => {}
            Effect::Listen | Effect::Look => self.tell(Event::Looked(self.look.clone(), self.look_takes)),
            Effect::Save(save) => {
                let saved = Saved {
                    cost: self.save_takes,
                    panes: 1,
                    lost: std::mem::take(&mut self.lost),
                    marked: self.marking,
                    put_off: false,
                };
                match self.failing {
                    Some(why) => self.tell(Event::SaveFailed(why.to_owned())),
                    None => self.tell(Event::Saved(save, saved)),
                }
            }
            Effect::Arm => self.look.armed = true,
            Effect::Show(_) | Effect::Clear => {}
        }
    }

    /// Lets time pass, with the ticks the watch asks for.
    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        let mut rounds = 0;
        while let Some(next) = self.watch.next(self.now).filter(|next| *next <= end) {
            self.now = self.now.max(next);
            self.tell(Event::Tick);
            rounds += 1;
            assert!(rounds < 100_000, "it never rests: {:?}", &self.log[self.log.len() - 20..]);
        }
        self.now = end;
    }

    fn forget(&mut self) {
        self.log.clear();
    }

    fn saves(&self) -> Vec<(u64, Save)> {
        self.log
            .iter()
            .filter_map(|(at, effect)| match effect {
                Effect::Save(save) => Some((*at, *save)),
                _ => None,
            })
            .collect()
    }

    fn looks(&self) -> usize {
        self.log.iter().filter(|(_, effect)| matches!(effect, Effect::Look | Effect::Listen)).count()
    }

    fn elapsed(&self) -> u64 {
        (self.now - self.start).as_millis() as u64
    }

    fn change_structure(&mut self) {
        self.look.structure = fingerprint(self.elapsed() + 1);
    }

    fn change_text(&mut self) {
        self.look.text = fingerprint(self.elapsed() + 2);
    }
}

fn fingerprint(number: u64) -> Fingerprint {
    Fingerprint(u128::from(number).to_le_bytes())
}

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_server_that_comes_is_saved_whole() {
    let mut world = World::new();
    world.pass(3 * SECOND);
    assert_eq!(world.saves()[0].1, Save::All);
    assert!(world.saves()[0].0 <= 500);
    assert!(!world.watch.is_behind());
}

#[test]
fn what_rings_is_saved_within_half_a_second() {
    let mut world = World::new();
    world.pass(3605 * SECOND);
    world.forget();
    let rung = world.elapsed();
    world.change_structure();
    world.tell(Event::Rang);
    world.pass(SECOND);
    assert_eq!(world.saves().len(), 1, "{:?}", world.log);
    assert!(world.saves()[0].0 - rung <= 500, "{:?}", world.log);
    assert!(world.log.iter().any(|(_, effect)| *effect == Effect::Listen));
}

#[test]
fn a_burst_is_saved_once_but_no_later_than_a_second() {
    let mut world = World::new();
    world.pass(100 * SECOND);
    world.forget();
    let begun = world.elapsed();
    for _ in 0..40 {
        world.change_structure();
        world.tell(Event::Rang);
        world.pass(SECOND / 20);
    }
    let saves = world.saves();
    assert!(saves[0].0 - begun <= 1000, "{saves:?}");
    assert!(saves.len() <= 5, "{saves:?}");
}

#[test]
fn what_only_a_look_sees_is_saved_within_two_seconds_while_somebody_works() {
    let mut world = World::new();
    world.pass(10 * SECOND);
    world.forget();
    let changed = world.elapsed();
    world.change_structure();
    world.pass(3 * SECOND);
    assert!(world.saves()[0].0 - changed <= 2000, "{:?}", world.log);
}

#[test]
fn text_is_saved_within_five_seconds_and_not_more_often_than_needed() {
    let mut world = World::new();
    world.pass(10 * SECOND);
    world.forget();
    let begun = world.elapsed();
    for _ in 0..600 {
        world.change_text();
        world.pass(SECOND / 10);
    }
    let saves = world.saves();
    assert!(saves.iter().all(|(_, save)| *save == Save::All));
    assert!(saves[0].0 - begun <= 4000, "{saves:?}");
    assert!(saves.windows(2).all(|pair| (2000..5000).contains(&(pair[1].0 - pair[0].0))), "{saves:?}");
}

#[test]
fn a_quiet_server_is_hardly_looked_at() {
    let mut world = World::new();
    world.pass(120 * SECOND);
    world.forget();
    world.pass(3600 * SECOND);
    assert!(world.looks() <= 3600 / 8, "{}", world.looks());
    assert!(world.saves().len() <= 4, "{:?}", world.saves());
    let changed = world.elapsed();
    world.forget();
    world.change_structure();
    world.pass(12 * SECOND);
    assert!(world.saves()[0].0 - changed <= 10_000);
}

#[test]
fn saving_costs_a_bounded_part_of_the_time() {
    let mut world = World::new();
    world.save_takes = Duration::from_millis(200);
    for _ in 0..6000 {
        world.change_structure();
        world.change_text();
        world.tell(Event::Rang);
        world.pass(SECOND / 10);
    }
    let spent = world.saves().len() as f64 * 0.2 / 600.0;
    assert!(spent <= 0.02, "{spent}");
}

#[test]
fn looking_costs_a_bounded_part_of_the_time() {
    let mut world = World::new();
    world.look_takes = Duration::from_millis(50);
    for _ in 0..600 {
        world.change_text();
        world.pass(SECOND / 10);
    }
    assert!(world.looks() <= 20, "{}", world.looks());
}

#[test]
fn somebody_who_leaves_has_everything_saved_at_once() {
    let mut world = World::new();
    world.pass(10 * SECOND);
    world.forget();
    let left = world.elapsed();
    world.change_structure();
    world.look.clients = 0;
    world.tell(Event::Rang);
    world.pass(SECOND);
    assert_eq!(world.saves()[0].1, Save::All);
    assert!(world.saves()[0].0 - left <= 300, "{:?}", world.log);
}

#[test]
fn what_has_vanished_is_confirmed_eleven_seconds_later() {
    let mut world = World::new();
    world.pass(10 * SECOND);
    world.forget();
    world.change_structure();
    world.lost = true;
    world.tell(Event::Rang);
    world.pass(20 * SECOND);
    let saves = world.saves();
    assert_eq!(saves.len(), 2, "{saves:?}");
    assert!((10_000..12_000).contains(&(saves[1].0 - saves[0].0)), "{saves:?}");
}

#[test]
fn failures_are_tried_again_and_shown_once() {
    let mut world = World::new();
    world.pass(10 * SECOND);
    world.forget();
    world.failing = Some("the disk is full");
    world.change_structure();
    world.pass(300 * SECOND);
    let shown =
        |world: &World| world.log.iter().filter(|(_, effect)| matches!(effect, Effect::Show(_))).count();
    assert_eq!(shown(&world), 1, "{:?}", world.log);
    assert!((5..30).contains(&world.saves().len()), "{:?}", world.saves());
    assert_eq!(world.watch.trouble().unwrap().what, "the disk is full");
    world.failing = None;
    world.pass(61 * SECOND);
    assert_eq!(world.log.iter().filter(|(_, effect)| *effect == Effect::Clear).count(), 1);
    assert!(world.watch.trouble().is_none());
    assert!(!world.watch.is_behind());
}

#[test]
fn hooks_that_are_gone_are_set_again_but_nobody_is_fought() {
    let mut world = World::new();
    world.pass(10 * SECOND);
    world.forget();
    for _ in 0..600 {
        world.look.armed = false;
        world.change_text();
        world.pass(SECOND / 10);
    }
    let armed = world.log.iter().filter(|(_, effect)| *effect == Effect::Arm).count();
    assert!((5..=7).contains(&armed), "{armed}");
}

#[test]
fn a_pause_is_a_pause_and_ends() {
    let mut world = World::new();
    world.pass(10 * SECOND);
    world.forget();
    let until = world.now + 3600 * SECOND;
    world.tell(Event::Pause(Some(until)));
    world.change_structure();
    world.tell(Event::Rang);
    world.pass(3599 * SECOND);
    assert_eq!(world.log, []);
    world.pass(3 * SECOND);
    assert!(!world.saves().is_empty());
}

#[test]
fn a_server_that_is_gone_is_left_alone() {
    let mut world = World::new();
    world.pass(10 * SECOND);
    world.tell(Event::Gone);
    world.forget();
    world.pass(3600 * SECOND);
    assert_eq!(world.log, []);
    world.tell(Event::Came);
    world.pass(SECOND);
    assert_eq!(world.saves()[0].1, Save::All);
}

#[test]
fn what_we_ring_ourselves_is_not_saved_again() {
    let mut world = World::new();
    world.pass(10 * SECOND);
    world.forget();
    world.marking = true;
    world.change_structure();
    world.tell(Event::Rang);
    world.pass(SECOND / 2);
    world.tell(Event::Rang);
    world.pass(2 * SECOND);
    assert_eq!(world.saves().len(), 1, "{:?}", world.log);
    // But what happened at the same time is.
    world.change_structure();
    world.tell(Event::Rang);
    world.pass(2 * SECOND);
    assert_eq!(world.saves().len(), 2, "{:?}", world.log);
}

#[test]
fn a_deaf_listener_listens_again() {
    let mut world = World::new();
    world.pass(10 * SECOND);
    world.forget();
    world.tell(Event::Deaf);
    world.pass(2 * SECOND);
    assert!(world.log.iter().any(|(_, effect)| *effect == Effect::Listen), "{:?}", world.log);
}

#[test]
fn a_save_waits_for_the_look_that_a_ring_has_begun() {
    let mut world = World::new();
    world.pass(75 * SECOND);
    world.forget();
    let begun = world.elapsed();
    world.slow = true;
    // Somebody has left; the look that tells so takes its time.
    world.tell(Event::Rang);
    world.pass(SECOND / 5);
    assert_eq!(world.saves(), [], "{:?}", world.log);
    world.look.clients = 0;
    world.tell(Event::Looked(world.look.clone(), world.look_takes));
    let [(at, save)] = world.saves()[..] else { panic!("{:?}", world.log) };
    assert_eq!(save, Save::All);
    assert!(at - begun <= 300);
    // One that never comes is not waited for.
    world.slow = false;
    world.pass(75 * SECOND);
    world.forget();
    world.slow = true;
    let begun = world.elapsed();
    world.tell(Event::Rang);
    world.pass(SECOND);
    assert!(world.saves()[0].0 - begun <= 1000, "{:?}", world.log);
}
