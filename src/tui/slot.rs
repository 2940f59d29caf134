//! The place of a job in the loop, and the id whose answers count: what an earlier job still says is stale.

use std::io;

use crossbeam_channel::Sender;

use super::Message;
use super::send;
use super::state::Event;

/// The jobs that the loop has, one of each kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SlotKind {
    Session,
    Editor,
    Analysis,
    Generation,
}

/// Where a job of one kind is, if one is there.
#[derive(Debug)]
pub(super) struct Slot<J> {
    kind: SlotKind,
    job: Option<J>,
    id: u64,
}

/// What a job says the screens' events to.
pub(super) struct ToLoop {
    sender: Sender<Message>,
    slot: SlotKind,
    id: u64,
}

impl<J> Slot<J> {
    pub(super) fn empty(kind: SlotKind) -> Self {
        Self { kind, job: None, id: 0 }
    }

    /// Starts a job in place of the one that is there, which is dropped first.
    ///
    /// # Errors
    /// Those of `begin`.
    pub(super) fn start(
        &mut self,
        sender: &Sender<Message>,
        begin: impl FnOnce(ToLoop) -> io::Result<J>,
    ) -> io::Result<()> {
        self.close();
        self.job = Some(begin(ToLoop { sender: sender.clone(), slot: self.kind, id: self.id })?);
        Ok(())
    }

    /// Drops the job; nothing that it has said counts any more.
    pub(super) fn close(&mut self) {
        self.job = None;
        self.id += 1;
    }

    /// Whether what is said under this id comes from the job that is there.
    pub(super) fn is_current(&self, id: u64) -> bool {
        self.job.is_some() && id == self.id
    }

    pub(super) fn job(&self) -> Option<&J> {
        self.job.as_ref()
    }
}

impl ToLoop {
    pub(super) fn say(&self, event: Event) {
        send(&self.sender, Message::Job { slot: self.slot, id: self.id, event });
    }
}

#[cfg(test)]
mod tests {
    use crossbeam_channel::{Receiver, unbounded};

    use super::*;

    /// A job that says something whenever it is told to.
    fn started(slot: &mut Slot<ToLoop>, sender: &Sender<Message>) {
        slot.start(sender, Ok).unwrap();
    }

    /// Whether the next message of a slot counts.
    fn counts(slot: &Slot<ToLoop>, messages: &Receiver<Message>) -> bool {
        match messages.try_recv().unwrap() {
            Message::Job { slot: SlotKind::Editor, id, .. } => slot.is_current(id),
            Message::Job { .. } | Message::Screen(_) => panic!("it says whose it is"),
        }
    }

    #[test]
    fn what_an_earlier_job_said_is_stale() {
        let (sender, messages) = unbounded();
        let mut slot = Slot::empty(SlotKind::Editor);
        assert!(slot.job().is_none() && !slot.is_current(0));
        let say = |slot: &Slot<ToLoop>| slot.job().unwrap().say(Event::Stopped);

        started(&mut slot, &sender);
        say(&slot);
        assert!(counts(&slot, &messages));
        // Another one takes its place while its answer is under way.
        say(&slot);
        started(&mut slot, &sender);
        say(&slot);
        assert!(!counts(&slot, &messages));
        assert!(counts(&slot, &messages));
        // It is closed.
        say(&slot);
        slot.close();
        assert!(!counts(&slot, &messages));
        assert!(slot.job().is_none());
    }

    #[test]
    fn what_does_not_start_leaves_the_slot_empty() {
        let (sender, _messages) = unbounded();
        let mut slot = Slot::empty(SlotKind::Editor);
        started(&mut slot, &sender);
        assert!(slot.start(&sender, |_| Err(io::ErrorKind::WouldBlock.into())).is_err());
        assert!(slot.job().is_none());
    }
}
