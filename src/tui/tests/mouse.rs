//! What a click means on every list: one selects, a second one in the same place opens.

use super::*;

fn click(state: &mut State, x: u16, y: u16) -> Vec<Effect> {
    let effects = update(state, Event::Click(Position::new(x, y)));
    play(state, &effects);
    deeds(effects)
}

#[test]
fn a_second_click_opens_on_every_list() {
    for (keys, x, y, opens) in [
        ("1", 5, 4, Context::Classes),
        ("2 j j", 5, 6, Context::Class),
        ("2 Enter", 5, 10, Context::Gallery),
        ("3 j", 5, 5, Context::Gallery),
        ("4 j", 5, 5, Context::Inspector),
        ("7 j j", 5, 4, Context::Class),
    ] {
        let mut state = opened(100, 30);
        press(&mut state, keys);
        let place = state.place();
        click(&mut state, x, y);
        // What the cursor stands on already is opened by the first.
        assert!([place, opens].contains(&state.place()), "{keys}: one click opens {:?}", state.place());
        if state.place() == place {
            click(&mut state, x, y);
        }
        assert_eq!(state.place(), opens, "{keys}");
    }
    // A key between them makes the second one a first one.
    let mut state = opened(100, 30);
    press(&mut state, "2");
    click(&mut state, 5, 6);
    press(&mut state, "j");
    click(&mut state, 5, 6);
    assert_eq!(state.place(), Context::Classes);
}

#[test]
fn prompts_messages_and_what_can_be_opened_are_clicked_too() {
    let mut state = opened(100, 30);
    press(&mut state, "5");
    click(&mut state, 60, 7);
    assert_eq!((state.prompts.on_b, state.prompts.row()), (true, 2));
    click(&mut state, 60, 7);
    assert!(state.typing.is_some());
    // What is typed stays where it was begun.
    click(&mut state, 5, 5);
    assert!(state.typing.is_some() && state.prompts.on_b);

    let mut state = opened(100, 30);
    press(&mut state, "6");
    let first_message = 3 + state.jobs.entries.len() as u16 + 2 + 1;
    click(&mut state, 5, first_message + 1);
    assert_eq!(state.jobs.selected, 1);
    click(&mut state, 5, first_message + 1);
    assert!(matches!(state.overlay, Some(Overlay::Message { .. })));
    // Nothing below it is clicked through it.
    click(&mut state, 5, first_message);
    assert_eq!(state.jobs.selected, 1);

    let mut state = opened(100, 30);
    press(&mut state, "O");
    click(&mut state, 5, 6);
    assert_eq!(click(&mut state, 5, 5), []);
    assert_eq!(click(&mut state, 5, 5), [Effect::OpenExperiment(Wanted::Demo)]);
}

#[test]
fn cells_of_the_matrix_are_clicked() {
    let mut state = opened(100, 30);
    press(&mut state, "3 v");
    let classes = state.confusion.block.as_ref().unwrap().classes.clone();
    // Names of 24 columns, a cursor and a blank; cells of six.
    for (row, column) in [(1, 0), (1, 1), (0, 1)] {
        click(&mut state, 26 + 6 * column + 2, 5 + row);
        let block = state.confusion.block.as_ref().unwrap();
        assert_eq!((block.truth, block.predicted), (classes[usize::from(row)], classes[usize::from(column)]));
    }
}
