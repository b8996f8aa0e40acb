//! The close reasons by their texts, and by the categories of the metric of closed connections.

use super::Reason;

const fn reason(
    code: &'static str,
    class: &'static str,
    expected: bool,
    advice: &'static str,
) -> Reason {
    Reason {
        code,
        class,
        expected,
        advice,
    }
}

const CONNECTION_LIMIT: Reason = reason(
    "connection-limit",
    "throttled",
    false,
    "the resource is at its connection limit: add units or move to a higher tier",
);

const MESSAGE_QUOTA: Reason = reason(
    "message-quota",
    "quota",
    false,
    "the free tier's daily message quota is used up: move to the standard tier",
);

const PING_TIMEOUT: Reason = reason(
    "ping-timeout",
    "network",
    false,
    "check that the app server reaches the service, and its CPU and thread pool: a starved server \
     also misses pings",
);

const SERVER_CLOSED: Reason = reason(
    "server-closed",
    "expected",
    true,
    "the app server closed it: look for `Server reported error` and into its own log",
);

const SERVICE_RELOAD: Reason = reason(
    "service-reload",
    "transient",
    true,
    "the service was reloaded: SignalR clients reconnect alone, Web PubSub clients must",
);

const TRANSIENT_ERROR: Reason = reason(
    "transient-error",
    "service",
    true,
    "a transient fault of the service: it recovers alone",
);

const SERVER_DROPPED: Reason = reason(
    "server-dropped",
    "unknown",
    false,
    "compare the logs of service, app server and client for this time; if none explains it, ask \
     support with this bundle",
);

const AUDIENCE: Reason = reason(
    "audience",
    "auth",
    false,
    "clients present a token for another audience: issue it for one the resource expects",
);

/// What is known of a refusal without a known text.
pub(super) const REFUSED: Reason = reason(
    "auth-failed",
    "auth",
    false,
    "requests are refused: check access keys, token lifetime (1 hour) and clocks",
);

/// Text prefixes in lower case, and what they mean.
pub(super) const REASONS: [(&str, Reason); 8] = [
    ("connection count reaches limit", CONNECTION_LIMIT),
    ("message count reaches limit", MESSAGE_QUOTA),
    ("connection ping timeout", PING_TIMEOUT),
    ("application server closed the connection", SERVER_CLOSED),
    ("service reloading", SERVICE_RELOAD),
    ("internal server transient error", TRANSIENT_ERROR),
    ("server connection dropped", SERVER_DROPPED),
    ("failed to validate audience", AUDIENCE),
];

/// The values of the metric dimension `ConnectionCloseCategory`, which some put in a reason's place.
/// `Normal` says no more than that a connection ended.
pub(super) const CATEGORIES: [(&str, Reason); 14] = [
    ("Throttled", CONNECTION_LIMIT),
    ("PingTimeout", PING_TIMEOUT),
    (
        "NoAvailableServerConnection",
        reason(
            "no-server",
            "network",
            false,
            "no app server was connected: check that one runs and reaches the service",
        ),
    ),
    (
        "InvokeUpstreamFailed",
        reason(
            "upstream-failed",
            "network",
            false,
            "the upstream endpoint did not take a call: check its address, its answers and its log",
        ),
    ),
    (
        "SlowClient",
        reason(
            "slow-client",
            "network",
            false,
            "the client reads slower than messages come: send less, or look at its network",
        ),
    ),
    (
        "HandshakeError",
        reason(
            "handshake-error",
            "client",
            false,
            "the client's handshake failed: check its protocol and the version of its SDK",
        ),
    ),
    (
        "ServerConnectionNotFound",
        reason(
            "server-not-found",
            "expected",
            true,
            "the app server's connection had gone before: by design, the client connects again",
        ),
    ),
    ("ServerConnectionClosed", SERVER_DROPPED),
    ("ServiceTransientError", TRANSIENT_ERROR),
    (
        "BadRequest",
        reason(
            "bad-request",
            "client",
            false,
            "the client's request was not valid: check its SDK and the hub's name",
        ),
    ),
    ("ClosedByAppServer", SERVER_CLOSED),
    ("ServiceReload", SERVICE_RELOAD),
    (
        "ServiceModeSwitched",
        reason(
            "mode-switched",
            "expected",
            true,
            "the service mode was changed: clients connect again",
        ),
    ),
    ("Unauthorized", REFUSED),
];
