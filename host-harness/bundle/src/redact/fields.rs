//! JSON members that are known by their key, however it is spelt.

/// What a member holds by its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    Secret,
    User,
    Address,
    Host,
    /// Four numbers in it are a version and no address.
    Version,
}

/// The longest key that is looked at, in bytes; claims have keys that are URIs.
const MAX_KEY_BYTES: usize = 160;

/// Ends of keys of secrets.
const SECRET_ENDS: [&str; 27] = [
    "password",
    "passwd",
    "passphrase",
    "secret",
    "secretvalue",
    "apikey",
    "accountkey",
    "accesskey",
    "sharedkey",
    "storagekey",
    "masterkey",
    "privatekey",
    "primarykey",
    "secondarykey",
    "encryptionkey",
    "functionskey",
    "functionkey",
    "subscriptionkey",
    "accesstoken",
    "refreshtoken",
    "idtoken",
    "authtoken",
    "sastoken",
    "bearertoken",
    "sessiontoken",
    "securitytoken",
    "accesssignature",
];

/// Keys of secrets.
const SECRETS: [&str; 12] = [
    "sig",
    "token",
    "pwd",
    "pass",
    "authorization",
    "proxyauthorization",
    "cookie",
    "setcookie",
    "xmsclientprincipal",
    "jwt",
    "sas",
    "credential",
];

/// Keys of users.
const USERS: [&str; 36] = [
    "userid",
    "user",
    "username",
    "userprincipalname",
    "upn",
    "uniquename",
    "preferredusername",
    "closedbyuseralias",
    "useralias",
    "caller",
    "login",
    "loginname",
    "samaccountname",
    "email",
    "emailaddress",
    "mail",
    "givenname",
    "familyname",
    "surname",
    "suser",
    "duser",
    "suid",
    "duid",
    "initiatedby",
    "modifiedby",
    "createdby",
    "lastmodifiedby",
    "closedby",
    "acknowledgedby",
    "targetusername",
    "subjectusername",
    "identityname",
    "requestoridentity",
    "useremail",
    "oid",
    "principalname",
];

/// Keys of users where they are claims.
const CLAIMS: [&str; 6] = [
    "name",
    "sub",
    "objectidentifier",
    "nameidentifier",
    "puid",
    "altsecid",
];

/// Keys of addresses.
const ADDRESSES: [&str; 14] = [
    "calleripaddress",
    "eventipaddress",
    "clientip",
    "clientipaddress",
    "ipaddress",
    "ipaddr",
    "sourceip",
    "remoteip",
    "remoteaddress",
    "clientaddress",
    "callerip",
    "ip",
    "xforwardedfor",
    "sourceaddress",
];

/// Keys of hosts.
const HOSTS: [&str; 12] = [
    "host",
    "hostname",
    "computer",
    "computername",
    "machinename",
    "nodename",
    "servername",
    "dvchost",
    "shost",
    "dhost",
    "roleinstance",
    "physicalnode",
];

/// The field of a key, as it is written in a text; `parents` are the keys around it.
pub(super) fn field<'k>(key: &[u8], mut parents: impl Iterator<Item = &'k [u8]>) -> Option<Field> {
    if key.len() > MAX_KEY_BYTES {
        return None;
    }
    let is_claim_uri = memchr::memmem::find(key, b"/claims/").is_some();
    let mut name = String::with_capacity(key.len());
    for byte in key {
        match byte {
            b'/' => name.clear(),
            b'_' | b'-' | b' ' | b'.' => {}
            byte => name.push(char::from(byte.to_ascii_lowercase())),
        }
    }
    let name = name.as_str();
    if SECRETS.contains(&name) || SECRET_ENDS.iter().any(|end| name.ends_with(end)) {
        Some(Field::Secret)
    } else if USERS.contains(&name) {
        Some(Field::User)
    } else if ADDRESSES.contains(&name) {
        Some(Field::Address)
    } else if HOSTS.contains(&name) {
        Some(Field::Host)
    } else if name.contains("version") || name.contains("build") {
        Some(Field::Version)
    } else if CLAIMS.contains(&name) {
        let is_claims =
            |key: &[u8]| key.eq_ignore_ascii_case(b"claims") || key.eq_ignore_ascii_case(b"claim");
        (is_claim_uri || parents.any(is_claims)).then_some(Field::User)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_known_in_every_spelling() {
        for (key, expected) in [
            ("userId", Some(Field::User)),
            ("UserId", Some(Field::User)),
            ("user_id", Some(Field::User)),
            ("closedByUserAlias", Some(Field::User)),
            ("Authorization", Some(Field::Secret)),
            ("client_secret", Some(Field::Secret)),
            ("ConnectionPassword", Some(Field::Secret)),
            ("callerIpAddress", Some(Field::Address)),
            ("EventIpAddress", Some(Field::Address)),
            (
                "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name",
                Some(Field::User),
            ),
            ("operationVersion", Some(Field::Version)),
            ("name", None),
            ("connectionId", None),
            ("resourceId", None),
            ("alertId", None),
            ("type", None),
            ("signature", None),
            ("accountName", None),
            ("category", None),
            ("tokens", None),
            ("hub", None),
            ("", None),
        ] {
            assert_eq!(field(key.as_bytes(), [].into_iter()), expected, "{key}");
        }
        assert_eq!(
            field(b"name", [&b"claims"[..]].into_iter()),
            Some(Field::User)
        );
    }
}
