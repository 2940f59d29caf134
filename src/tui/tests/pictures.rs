//! Pictures on the screens.

use super::*;

#[test]
fn pictures_are_asked_for_once_and_again_after_a_resize() {
    let mut state = opened(80, 24);
    let effects = press(&mut state, "4");
    let images: Vec<usize> = wanted(&effects).iter().map(|key| key.image).collect();
    assert_eq!(images, [2, 3, 4, 6]);
    assert_eq!(press(&mut state, "?"), []);
    let effects = press(&mut state, "Esc Enter");
    assert_eq!(wanted(&effects).iter().map(|key| key.image).collect::<Vec<_>>(), [2]);
    // The gallery's are still there.
    assert_eq!(wanted(&press(&mut state, "Esc")), []);
    let effects = update(&mut state, Event::Resize(Size::new(100, 40)));
    assert_eq!(wanted(&effects).len(), 4);
    state.graphics = Graphics::OFF;
    assert_eq!(state.visible_pictures(), []);
    assert!(drawn(&state, COLORED).contains("Pictures are"));
}

#[test]
fn a_broken_picture_says_why() {
    let mut state = opened(80, 24);
    let effects = update(&mut state, Event::Key(key("4")));
    for key in wanted(&effects) {
        update(&mut state, Event::PictureReady(key, Err("the file is gone".into())));
    }
    assert!(drawn(&state, COLORED).contains("No picture"));
    let effects = update(&mut state, Event::Key(key("Enter")));
    update(&mut state, Event::PictureReady(wanted(&effects)[0], Err("the file is gone".into())));
    assert!(drawn(&state, COLORED).contains("No picture: the file is gone"));
}

#[test]
fn pictures_are_drawn_in_two_colours_a_cell() {
    let mut state = opened(80, 24);
    press(&mut state, "4 Enter");
    assert!(drawn(&state, COLORED).contains("▀▀▀▀▀▀"));
    let ascii = Theme { depth: ColorDepth::Indexed, palette: Palette::Dark, glyphs: ASCII };
    assert!(!drawn(&state, ascii).contains(['▀', '▄']));
    let indexed = Theme { depth: ColorDepth::Indexed, palette: Palette::Light, glyphs: UNICODE };
    let mut terminal = Terminal::new(TestBackend::new(80, 24)).unwrap();
    for keys in ["", "3 d v"] {
        press(&mut state, keys);
        terminal.draw(|frame| draw(frame, &state, &indexed)).unwrap();
        let cells = &terminal.backend().buffer().content;
        let full = |color| matches!(color, ratatui::style::Color::Rgb(..));
        assert!(cells.iter().all(|cell| !full(cell.fg) && !full(cell.bg)));
    }
}
