//! The form of a conversation, a Jinja template in a file's metadata. Without one the answer goes on from the LLM prompt.

use std::io::{self, Write};

use candle_core::quantized::gguf_file::Value;
use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, ErrorKind};

use super::file::Metadata;
use super::tokenizer::GgufTokenizer;
use crate::files::foreign::guarded;

const TEMPLATE: &str = "tokenizer.chat_template";

/// Instructions that a template may take, of which each 64 bytes of the texts that it makes are one, and bytes that it may write:
/// a conversation of one message takes some hundred and has some thousand.
const FUEL: u64 = 500_000;
const LONGEST: usize = 4 << 20;

/// Parts that a text may be split into.
const MOST_PARTS: usize = 1 << 16;

/// How an LLM prompt becomes the text that the network goes on from.
pub(super) struct Conversation {
    environment: Option<Environment<'static>>,
    begin: String,
    end: String,
    /// What the text begins with in the template's way already.
    plain_begin: String,
}

impl Conversation {
    /// # Errors
    /// A template that is none, in words.
    pub(super) fn from_metadata(metadata: &Metadata, tokenizer: &GgufTokenizer) -> Result<Self, String> {
        let environment = match metadata.get(TEMPLATE) {
            Some(Value::String(template)) => Some(environment(template)?),
            _ => None,
        };
        let (begin, end) = (tokenizer.begin(), tokenizer.end());
        let plain_begin = if tokenizer.wants_begin() { begin.clone() } else { String::new() };
        Ok(Self { environment, begin, end, plain_begin })
    }

    /// # Errors
    /// What the template says against it, in words.
    pub(super) fn of_prompt(&self, llm_prompt: &str) -> Result<String, String> {
        let Some(environment) = &self.environment else {
            return Ok(format!("{}{llm_prompt}", self.plain_begin));
        };
        let context = minijinja::context! {
            messages => [minijinja::context! { role => "user", content => llm_prompt }],
            add_generation_prompt => true,
            bos_token => &self.begin,
            eos_token => &self.end,
        };
        let mut text = Limited(Vec::new());
        let fill = || {
            let template = environment.get_template(TEMPLATE)?;
            template.render_captured_to(context, &mut text).map(|_| ())
        };
        guarded(|| fill().map_err(|error| format!("{error:#}")))
            .and_then(|filled| filled)
            .map_err(|problem| format!("its chat template fails: {problem}"))?;
        let text = String::from_utf8(text.0).map_err(|error| error.to_string())?;
        // Templates that do not begin with the first token leave it to the tokenizer.
        match text.starts_with(&self.plain_begin) {
            true => Ok(text),
            false => Ok(format!("{}{text}", self.plain_begin)),
        }
    }
}

/// What a template writes, up to a bound.
struct Limited(Vec<u8>);

impl Write for Limited {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > LONGEST {
            return Err(io::Error::other(format!("it writes more than {LONGEST} bytes")));
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn environment(template: &str) -> Result<Environment<'static>, String> {
    let mut environment = Environment::new();
    environment.set_fuel(Some(FUEL));
    let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
    environment.set_syntax(syntax.map_err(|error| error.to_string())?);
    environment.add_function("raise_exception", |message: String| -> Result<String, minijinja::Error> {
        Err(minijinja::Error::new(ErrorKind::InvalidOperation, message))
    });
    environment.add_function("strftime_now", |_format: String| String::new());
    environment.set_unknown_method_callback(|_, value, method, arguments| {
        let text = value.as_str().unwrap_or_default();
        let argument = |at: usize| arguments.get(at).and_then(|value| value.as_str()).unwrap_or_default();
        // The engine counts what a method has made when it is there.
        let too_long = |method: &str| {
            minijinja::Error::new(ErrorKind::OutOfFuel, format!("what {method} makes is too long"))
        };
        Ok(match method {
            "strip" | "trim" => text.trim().into(),
            "lstrip" => text.trim_start().into(),
            "rstrip" => text.trim_end().into(),
            "upper" => text.to_uppercase().into(),
            "lower" => text.to_lowercase().into(),
            "startswith" => text.starts_with(argument(0)).into(),
            "endswith" => text.ends_with(argument(0)).into(),
            "replace" => {
                let more = text.matches(argument(0)).count().saturating_mul(argument(1).len());
                if text.len().saturating_add(more) > LONGEST {
                    return Err(too_long(method));
                }
                text.replace(argument(0), argument(1)).into()
            }
            "split" => {
                let parts: Vec<&str> = text.split(argument(0)).take(MOST_PARTS + 1).collect();
                if parts.len() > MOST_PARTS {
                    return Err(too_long(method));
                }
                minijinja::Value::from(parts.into_iter().map(str::to_owned).collect::<Vec<_>>())
            }
            _ => {
                return Err(minijinja::Error::new(
                    ErrorKind::UnknownMethod,
                    format!("there is no method {method}"),
                ));
            }
        })
    });
    let mut read = || {
        environment.add_template_owned(TEMPLATE, template.to_owned()).map_err(|error| format!("{error:#}"))
    };
    guarded(&mut read)
        .and_then(|read| read)
        .map_err(|problem| format!("its chat template cannot be read: {problem}"))?;
    Ok(environment)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn conversation(template: Option<&str>, wants_begin: bool) -> Conversation {
        Conversation {
            environment: template.map(|template| environment(template).unwrap()),
            begin: "<s>".to_owned(),
            end: "</s>".to_owned(),
            plain_begin: if wants_begin { "<s>".to_owned() } else { String::new() },
        }
    }

    #[test]
    fn templates_without_end_are_ended() {
        let loops = |body: &str| {
            format!(
                "{{% for a in range(9999) %}}{{% for b in range(9999) %}}{body}{{% endfor %}}{{% endfor %}}"
            )
        };
        let doubled = |step: &str| {
            format!(
                "{{% set n = namespace(t='ab') %}}{{% for i in range(60) %}}{{% set n.t = {step} %}}{{% endfor %}}{{{{ n.t | length }}}}"
            )
        };
        let steps = ["n.t + n.t", "n.t ~ n.t", "[n.t, n.t] | join", "n.t.replace('a', n.t)", "n.t * 2"];
        let templates = [loops(""), loops(&"x".repeat(1000)), "{{ 'x' * 50000000 }}".to_owned()];
        let split = "{% for a in range(9) %}{% set x = ('x' * 200000).split('x') %}{% endfor %}".to_owned();
        for template in templates.into_iter().chain(steps.map(doubled)).chain([split]) {
            let told = conversation(Some(&template), false).of_prompt("a frog").unwrap_err();
            assert!(told.contains("chat template fails"), "{told}");
        }
    }

    /// The engine counts letters of a line in 16 bits.
    #[test]
    fn a_template_of_one_long_line_is_read_or_refused() {
        for text in ["x", "{{ bos_token }}", "{# #}", "{{ 'é' }}"] {
            match environment(&text.repeat(70_000)) {
                Ok(_) => {}
                Err(told) => assert!(told.contains("cannot be read"), "{told}"),
            }
        }
    }

    #[test]
    fn templates_are_filled() {
        let template = "{% for message in messages %}\n  {{- '<|' + message['role'] + '|>' + message['content'].strip() + eos_token }}\n{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}";
        let filled = conversation(Some(template), false).of_prompt(" Describe a frog: ").unwrap();
        assert_eq!(filled, "<|user|>Describe a frog:</s>\n<|assistant|>");
        assert!(conversation(Some(template), true).of_prompt("x").unwrap().starts_with("<s><|user|>"));
        let own = conversation(Some("{{ bos_token }}{{ messages[0].content }}"), true);
        assert_eq!(own.of_prompt("x").unwrap(), "<s>x");
    }

    #[test]
    fn without_a_template_the_answer_goes_on() {
        assert_eq!(conversation(None, true).of_prompt("A frog is").unwrap(), "<s>A frog is");
        assert_eq!(conversation(None, false).of_prompt("A frog is").unwrap(), "A frog is");
    }

    #[test]
    fn what_a_template_refuses_is_told() {
        let error = conversation(Some("{{ raise_exception('no user') }}"), false).of_prompt("x").unwrap_err();
        assert!(error.contains("no user"), "{error}");
        assert!(environment("{% for %}").unwrap_err().contains("cannot be read"));
    }
}
