//! Processes: how they come, die, are replaced while they work, stand still and go on.

use super::super::disk::{Fate, Process};
use super::super::judge::{taken_up, unfinished};
use super::{Life, Up};
use crate::engine::Engine;
use crate::ports::Clock;
use std::io::Read;
use std::sync::Arc;

impl Life {
    /// Another process opens the log, whether or not one has it.
    async fn open(&mut self) {
        let fate = match self.random.below(10) {
            _ if self.calm => Fate::Lives,
            draw @ 0..=3 => Fate::AtAppend(1 + self.random.below(40), draw % 2 == 0),
            draw @ 4..=5 => Fate::AtCall(1 + self.random.below(12), draw % 2 == 0),
            _ => Fate::Lives,
        };
        self.open_as(fate).await;
    }

    async fn open_as(&mut self, fate: Fate) {
        self.note(format!("a process opens the log; its fate: {fate:?}"));
        // As a vault does that is opened: what was to be gone is gone.
        self.disk.destroy_wanted();
        let process = Arc::new(Process::new(self.disk.clone(), fate, self.activity.clone()));
        let seed = self.random.next();
        // From the log alone, or from an image of an earlier day.
        let image = self.image.clone().filter(|_| seed.is_multiple_of(2));
        let mut image = image.as_deref();
        let image = image.as_mut().map(|image| image as &mut (dyn Read + Send));
        match Engine::open_with(self.config(&process, false, seed), image).await {
            Ok(engine) => self.up = Some(Up { engine, process }),
            Err(error) => self.judge.lock().unwrap().violated("I7", format!("the log cannot be opened: {error:?}")),
        }
    }

    /// The engine that is up; opens one where the last has ended.
    pub(in super::super) async fn engine(&mut self) -> Engine {
        loop {
            match &self.up {
                Some(up) if !up.process.is_dead() && up.engine.stopped().is_none() => return up.engine.clone(),
                Some(up) => {
                    up.process.die();
                    self.up = None;
                    self.note("the process has ended");
                }
                None => {
                    self.open().await;
                    if self.up.is_none() {
                        // What cannot be opened is a violation; the life goes on with an empty look.
                        panic!("the log cannot be opened: {:?}", self.judge.lock().unwrap().violations);
                    }
                }
            }
        }
    }

    pub(in super::super) fn crash(&mut self) {
        if let Some(up) = self.up.take() {
            self.note("the process is killed");
            up.process.die();
        }
    }

    pub(in super::super) async fn restart(&mut self) {
        if let Some(up) = self.up.take() {
            self.note("the process is ended in order");
            up.engine.shutdown().await;
            up.process.die();
        }
    }

    /// A second process takes the log while the first works on.
    pub(in super::super) async fn take_over(&mut self) {
        self.note("another process takes over");
        let old = self.up.take();
        self.open().await;
        // It works on until the store tells it.
        self.zombies.extend(old);
    }

    /// The process stands still, and a second one takes the log.
    pub(in super::super) async fn stall(&mut self) {
        self.note("the process stands still");
        if let Some(up) = &self.up {
            up.process.stall();
        }
        self.take_over().await;
    }

    /// Whoever stands still goes on where he stood.
    pub(in super::super) async fn wake(&mut self) {
        self.note("whoever stood still goes on");
        self.zombies.iter().for_each(|up| up.process.wake());
        self.rest().await;
    }

    /// The process dies, and the next one takes up what was under way before any clock moves.
    pub(in super::super) async fn recover(&mut self) {
        self.engine().await;
        self.crash();
        self.rest().await;
        let now = self.clock.now();
        let (wanted, from) = {
            let judge = self.judge.lock().unwrap();
            (unfinished(&judge, now), judge.events.len())
        };
        self.open_as(Fate::Lives).await;
        self.rest().await;
        if self.is_up() && self.clock.now() == now {
            taken_up(&mut self.judge.lock().unwrap(), &wanted, from, self.in_flight);
        }
    }
}
