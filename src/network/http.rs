//! How this program speaks HTTP: one kind of agent, with TLS, proxies from the environment and timeouts.

use std::sync::Arc;
use std::time::Duration;

use ureq::Agent;
use ureq::tls::{RootCerts, TlsConfig};

/// How long to wait for a connection.
const CONNECT: Duration = Duration::from_secs(10);

/// Why no agent can be made, in words.
pub type NoAgent = String;

/// How long an agent waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// For the whole of an answer.
    Whole(Duration),
    /// For anything at all: an answer may take as long as it goes on coming.
    Silence(Duration),
}

/// An agent for requests to `url` within a limit. Answers with an error status are answers. The proxies are
/// those of `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY`; certificates are those that the system trusts.
///
/// # Errors
/// Where `url` needs TLS and this processor lacks what the cryptography is written for.
pub fn agent(url: &str, limit: Limit) -> Result<Agent, NoAgent> {
    let mut config = Agent::config_builder()
        .http_status_as_error(false)
        .timeout_connect(Some(CONNECT))
        .max_redirects(0)
        .max_redirects_will_error(false)
        .user_agent(concat!("cupl-tui/", env!("CARGO_PKG_VERSION")));
    config = match limit {
        Limit::Whole(time) => config.timeout_global(Some(time)),
        Limit::Silence(time) => config.timeout_recv_response(Some(time)).timeout_per_read(Some(time)),
    };
    if url.trim_start().to_ascii_lowercase().starts_with("https:") {
        if !has_cryptography() {
            return Err("this processor lacks instructions that TLS is written for here (ADX, AES, AVX2, BMI and PCLMULQDQ); \
                        use an http:// address, as of a proxy on this machine"
                .to_owned());
        }
        let tls = TlsConfig::builder()
            .root_certs(RootCerts::PlatformVerifier)
            .unversioned_rustls_crypto_provider(Arc::new(rustls_graviola::default_provider()))
            .build();
        config = config.tls_config(tls);
    }
    Ok(config.build().new_agent())
}

/// Why a request failed, in words.
pub fn failure(error: &ureq::Error) -> String {
    match error {
        ureq::Error::HostNotFound => "there is no such host: check the address".to_owned(),
        ureq::Error::Timeout(_) => "no answer in time".to_owned(),
        ureq::Error::ConnectionFailed => "no connection: does the server run?".to_owned(),
        ureq::Error::Io(error) if error.kind() == std::io::ErrorKind::ConnectionRefused => {
            "no connection (refused): does the server run?".to_owned()
        }
        other => other.to_string(),
    }
}

/// The cryptography panics without these.
fn has_cryptography() -> bool {
    #[cfg(target_arch = "x86_64")]
    {
        std::arch::is_x86_feature_detected!("adx")
            && std::arch::is_x86_feature_detected!("aes")
            && std::arch::is_x86_feature_detected!("avx2")
            && std::arch::is_x86_feature_detected!("bmi1")
            && std::arch::is_x86_feature_detected!("pclmulqdq")
    }
    #[cfg(target_arch = "aarch64")]
    {
        std::arch::is_aarch64_feature_detected!("aes")
            && std::arch::is_aarch64_feature_detected!("pmull")
            && std::arch::is_aarch64_feature_detected!("sha2")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agents_are_made_for_both_schemes() {
        for url in ["http://localhost:8000/v1", "https://api.openai.com/v1"] {
            assert!(agent(url, Limit::Whole(Duration::from_secs(1))).is_ok() || !has_cryptography(), "{url}");
        }
    }
}
