//! What a server answers: one JSON object, or a stream of events with parts of it.

use serde_json::Value;

use crate::language_model::SampleEnding;

/// One of several answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Choice {
    /// Its place in the answer.
    pub(super) index: usize,
    pub(super) text: String,
    pub(super) ending: SampleEnding,
}

/// All of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Completion {
    /// By their index.
    pub(super) choices: Vec<Choice>,
    /// Tokens of all answers together, where the server counts them.
    pub(super) tokens: Option<usize>,
}

/// Reads the body of an answer of this content type.
///
/// # Errors
/// What is wrong with it, in words.
pub(super) fn parse(content_type: &str, body: &[u8]) -> Result<Completion, String> {
    if content_type.starts_with("text/event-stream") {
        return of_events(body);
    }
    let value: Value = serde_json::from_slice(body).map_err(|error| {
        let is_page = body.trim_ascii_start().starts_with(b"<");
        match is_page {
            true => "it is a web page: is this the address of an API, up to /v1?".to_owned(),
            false => format!("it is no whole JSON ({error})"),
        }
    })?;
    let choices =
        value.get("choices").and_then(Value::as_array).ok_or_else(|| match error_message(&value) {
            Some(message) => format!("the server says: {message}"),
            None => "it has no `choices`: does the server speak OpenAI's protocol?".to_owned(),
        })?;
    let choice = |(place, choice): (usize, &Value)| Choice {
        index: index(choice).unwrap_or(place),
        text: text_of(choice, "message"),
        ending: ending(choice).unwrap_or(SampleEnding::Other),
    };
    Ok(Completion { choices: choices.iter().enumerate().map(choice).collect(), tokens: tokens(&value) })
}

/// What a server says of an error.
pub(super) fn error_message(value: &Value) -> Option<String> {
    let error = value.get("error").unwrap_or(value);
    let message = ["message", "detail", "error"].iter().find_map(|key| error.get(key)).unwrap_or(error);
    message.as_str().map(|message| message.trim().to_owned()).filter(|message| !message.is_empty())
}

fn index(choice: &Value) -> Option<usize> {
    choice.get("index").and_then(Value::as_u64).map(|index| index as usize)
}

/// The text of a choice: of `part`, which is `message` or `delta`, or its own.
fn text_of(choice: &Value, part: &str) -> String {
    let content = choice.get(part).map_or_else(|| choice.get("text"), |part| part.get("content"));
    content.and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn ending(choice: &Value) -> Option<SampleEnding> {
    Some(match choice.get("finish_reason")?.as_str()? {
        "stop" | "eos" | "eos_token" | "stop_sequence" => SampleEnding::Stop,
        "length" => SampleEnding::Length,
        _ => SampleEnding::Other,
    })
}

fn tokens(value: &Value) -> Option<usize> {
    Some(value.get("usage")?.get("completion_tokens")?.as_u64()? as usize)
}

/// The data of events, as server-sent events have them: lines of `data:`, an event ends with a blank line.
fn events(body: &str) -> impl Iterator<Item = String> + '_ {
    let mut lines = body.lines();
    std::iter::from_fn(move || {
        let mut data: Option<String> = None;
        for line in lines.by_ref() {
            match line.strip_prefix("data:") {
                Some(more) => {
                    let more = more.strip_prefix(' ').unwrap_or(more);
                    data = Some(data.map_or_else(|| more.to_owned(), |data| format!("{data}\n{more}")));
                }
                None if line.is_empty() && data.is_some() => return data,
                None => {}
            }
        }
        data
    })
}

fn of_events(body: &[u8]) -> Result<Completion, String> {
    let body = std::str::from_utf8(body).map_err(|_| "its stream is not UTF-8".to_owned())?;
    let mut choices: Vec<(usize, String, Option<SampleEnding>)> = Vec::new();
    let (mut counted, mut is_done) = (None, false);
    for data in events(body) {
        if data.trim() == "[DONE]" {
            is_done = true;
            break;
        }
        let value: Value = serde_json::from_str(&data)
            .map_err(|error| format!("an event of its stream is no JSON ({error})"))?;
        if let (Some(message), None) = (value.get("error").and(error_message(&value)), value.get("choices")) {
            return Err(format!("the server says: {message}"));
        }
        counted = tokens(&value).or(counted);
        for (place, part) in value.get("choices").and_then(Value::as_array).into_iter().flatten().enumerate()
        {
            let index = index(part).unwrap_or(place);
            let at = choices.iter().position(|choice| choice.0 == index).unwrap_or_else(|| {
                choices.push((index, String::new(), None));
                choices.len() - 1
            });
            choices[at].1.push_str(&text_of(part, "delta"));
            choices[at].2 = ending(part).or(choices[at].2);
        }
    }
    if choices.is_empty() || !(is_done || choices.iter().all(|choice| choice.2.is_some())) {
        return Err("its stream ends before the answer does".to_owned());
    }
    choices.sort_by_key(|choice| choice.0);
    let choice = |(index, text, ending): (usize, String, Option<SampleEnding>)| Choice {
        index,
        text,
        ending: ending.unwrap_or(SampleEnding::Other),
    };
    Ok(Completion { choices: choices.into_iter().map(choice).collect(), tokens: counted })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choice(index: usize, text: &str, ending: SampleEnding) -> Choice {
        Choice { index, text: text.to_owned(), ending }
    }

    #[test]
    fn both_kinds_of_requests_have_their_answers() {
        let chat = br#"{"choices": [{"index": 1, "message": {"content": "b"}, "finish_reason": "length"},
            {"index": 0, "message": {"content": null}, "finish_reason": "content_filter"}],
            "usage": {"completion_tokens": 7}}"#;
        let expected = Completion {
            choices: vec![choice(1, "b", SampleEnding::Length), choice(0, "", SampleEnding::Other)],
            tokens: Some(7),
        };
        assert_eq!(parse("application/json", chat), Ok(expected));
        let plain = br#"{"choices": [{"text": " a", "finish_reason": "stop"}]}"#;
        let expected = Completion { choices: vec![choice(0, " a", SampleEnding::Stop)], tokens: None };
        assert_eq!(parse("application/json; charset=utf-8", plain), Ok(expected));
    }

    #[test]
    fn what_is_no_answer_says_what_it_is() {
        let problem = |body: &str| parse("application/json", body.as_bytes()).unwrap_err();
        assert!(problem("<!DOCTYPE html>").contains("web page"));
        assert!(problem("{\"choices\": [").contains("no whole JSON"));
        assert!(problem("{\"object\": \"list\"}").contains("`choices`"));
        assert_eq!(problem("{\"error\": {\"message\": \"overloaded\"}}"), "the server says: overloaded");
    }

    #[test]
    fn streams_are_put_together() {
        let body = concat!(
            ": a comment\n\n",
            "data: {\"choices\": [{\"index\": 0, \"delta\": {\"role\": \"assistant\"}}]}\n\n",
            "data: {\"choices\": [{\"index\": 1, \"delta\": {\"content\": \"B\"}}]}\r\n\r\n",
            "event: x\ndata: {\"choices\": [{\"index\": 0, \"delta\": {\"content\": \"Ä \"}}]}\n\n",
            "data: {\"choices\": [{\"index\": 0, \"delta\": {\"content\": \"frog\"}, \"finish_reason\": \"stop\"}]}\n\n",
            "data: {\"choices\": [{\"index\": 1, \"delta\": {}, \"finish_reason\": \"length\"}]}\n\n",
            "data: {\"choices\": [], \"usage\": {\"completion_tokens\": 4}}\n\ndata: [DONE]\n\n",
        );
        let expected = Completion {
            choices: vec![choice(0, "Ä frog", SampleEnding::Stop), choice(1, "B", SampleEnding::Length)],
            tokens: Some(4),
        };
        assert_eq!(parse("text/event-stream", body.as_bytes()), Ok(expected));
        // Wherever it is cut before its last parts, it is no answer.
        let last = body.find("data: {\"choices\": [{\"index\": 1, \"delta\": {}").unwrap();
        for cut in 0..last {
            assert!(parse("text/event-stream", &body.as_bytes()[..cut]).is_err(), "{cut}");
        }
        let failed = b"data: {\"error\": {\"message\": \"gone\"}}\n\n";
        assert_eq!(parse("text/event-stream", failed).unwrap_err(), "the server says: gone");
    }
}
