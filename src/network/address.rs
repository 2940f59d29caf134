//! Addresses of servers. A user's name and password in one are for the server alone: they are neither shown nor kept.

use std::fmt;

/// A user's name and password, as they stand in an address.
#[derive(Clone, PartialEq, Eq)]
pub struct Login(String);

impl Login {
    /// The address with them in it, for the request.
    pub fn put_into(&self, address: &str) -> String {
        match address.split_once("://") {
            Some((scheme, rest)) => format!("{scheme}://{}@{rest}", self.0),
            None => format!("{}@{address}", self.0),
        }
    }

    /// The text without them, should they be in there.
    pub fn redacted(&self, text: &str) -> String {
        let password = self.0.split_once(':').map_or(self.0.as_str(), |(_, password)| password);
        [self.0.as_str(), password]
            .into_iter()
            .filter(|part| !part.is_empty())
            .fold(text.to_owned(), |text, part| text.replace(part, "***"))
    }
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Login(***)")
    }
}

/// An address without name and password, and these.
pub fn take_login(address: &str) -> (String, Option<Login>) {
    let start = address.find("://").map_or(0, |at| at + 3);
    let end = address[start..].find(['/', '?', '#']).map_or(address.len(), |at| start + at);
    match address[start..end].rfind('@') {
        Some(at) => {
            let (login, rest) = (&address[start..start + at], &address[start + at + 1..]);
            (
                format!("{}{rest}", &address[..start]),
                Some(Login(login.to_owned())).filter(|login| !login.0.is_empty()),
            )
        }
        None => (address.to_owned(), None),
    }
}

/// Why a key or token cannot be sent, if so: a header has neither line breaks nor letters outside ASCII.
pub fn unsendable(secret: &str) -> Option<&'static str> {
    let is_sendable = secret.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ');
    (!is_sendable).then_some("has a line break, a control character or a letter outside ASCII in it: copy it again, whole and alone")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_is_taken_out_and_put_back() {
        for (address, shown) in [
            ("http://user:pa%40ss@host:1/v1", "http://host:1/v1"),
            ("https://token@host", "https://host"),
            ("HTTP://a:b@c@host/x@y?z=@", "HTTP://host/x@y?z=@"),
            ("user:pass@host:8000/v1", "host:8000/v1"),
        ] {
            let (without, login) = take_login(address);
            assert_eq!(without, shown);
            let login = login.unwrap();
            assert_eq!(login.put_into(&without), address);
            assert!(!login.redacted(&format!("{address} failed")).contains(&login.0));
            assert_eq!(format!("{login:?}"), "Login(***)");
        }
        for address in
            ["http://host/v1", "http://host/a@b", "http://@host/v1", "", "://", "http://host?user@x"]
        {
            assert_eq!(take_login(address).1, None, "{address}");
        }
        assert_eq!(take_login("http://@host/v1").0, "http://host/v1");
    }

    #[test]
    fn keys_that_no_header_can_have_are_told() {
        for key in ["sk-1\nX: y", "sk-\u{1}", "sk-ü", "a\tb", "a\rb"] {
            assert!(unsendable(key).is_some(), "{key:?}");
        }
        assert_eq!(unsendable("sk-proj_A1.b~+/="), None);
    }
}
