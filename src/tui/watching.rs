//! The threads that wait for signals and for what the terminal sends, and tell the loop.

use std::io;
use std::thread;

use crossbeam_channel::Sender;
use ratatui::crossterm::event::{self, MouseButton, MouseEventKind};
use ratatui::layout::{Position, Size};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use super::graphics::answers::LateAnswers;
use super::state::Event;
use super::{Message, send};

pub(super) fn watch_signals(sender: Sender<Message>) -> io::Result<()> {
    let mut signals = Signals::new([SIGTERM, SIGHUP, SIGINT])?;
    thread::Builder::new().name("job-signals".into()).spawn(move || {
        for _signal in signals.forever() {
            send(&sender, Message::Screen(Event::Terminate));
        }
    })?;
    Ok(())
}

pub(super) fn watch_terminal(sender: Sender<Message>, mut late: LateAnswers) -> io::Result<()> {
    thread::Builder::new().name("job-terminal".into()).spawn(move || {
        loop {
            let event = match event::read() {
                Ok(event::Event::Key(key)) if late.has_part(&key) => continue,
                Ok(event::Event::Key(key)) => Event::Key(key),
                Ok(event::Event::Resize(width, height)) => Event::Resize(Size { width, height }),
                Ok(event::Event::Paste(text)) => Event::Paste(text),
                Ok(event::Event::Mouse(mouse)) => match mouse.kind {
                    MouseEventKind::Down(MouseButton::Left) => {
                        Event::Click(Position::new(mouse.column, mouse.row))
                    }
                    MouseEventKind::ScrollUp => Event::Wheel(-1),
                    MouseEventKind::ScrollDown => Event::Wheel(1),
                    _ => continue,
                },
                Ok(_) => continue,
                // The terminal is gone.
                Err(_) => Event::Terminate,
            };
            let gone = matches!(event, Event::Terminate);
            send(&sender, Message::Screen(event));
            if gone {
                return;
            }
        }
    })?;
    Ok(())
}
