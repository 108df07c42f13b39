//! What a sign-in leaves behind: authorization codes, device codes, failed attempts.

use std::collections::{BTreeMap, HashMap};

use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;
use uuid::Uuid;

/// A sign-in that an application can redeem for tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Code {
    /// The application that it was made for.
    pub client_id: String,
    /// Who signed in.
    pub user: Uuid,
    /// What was asked for.
    pub scope: String,
    /// Where the code was sent.
    pub redirect_uri: String,
    /// The challenge that its redemption must answer, and its method.
    pub challenge: Option<(String, String)>,
    /// What the id token repeats.
    pub nonce: Option<String>,
    /// Whether the address belongs to a web application, which must prove itself.
    pub confidential: bool,
    /// When it was made.
    pub made: Timestamp,
    /// Whether it has been redeemed.
    pub redeemed: bool,
}

/// What has become of a device's question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeviceState {
    /// Nobody has answered it.
    Pending,
    /// Someone signed in.
    Approved(Uuid),
    /// Someone refused.
    Declined,
    /// Its tokens have been taken.
    Redeemed,
}

/// A device's question for a sign-in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// The application on the device.
    pub client_id: String,
    /// What was asked for.
    pub scope: String,
    /// What people type.
    pub user_code: String,
    /// When it was made.
    pub made: Timestamp,
    /// What has become of it.
    pub state: DeviceState,
}

/// Failed attempts of one user.
#[derive(Clone, Copy, Debug)]
struct Failures {
    count: u32,
    last: Timestamp,
}

/// The sign-ins of the tenant.
#[derive(Debug, Default)]
pub struct SignIns {
    codes: Mutex<HashMap<String, Code>>,
    devices: Mutex<BTreeMap<String, Device>>,
    failures: Mutex<HashMap<Uuid, Failures>>,
}

/// So many wrong passwords lock an account (smart lockout's default).
const LOCKED_AFTER: u32 = 10;

/// For so long.
const LOCKED_FOR: SignedDuration = SignedDuration::from_secs(60);

impl SignIns {
    /// Keeps a code.
    pub fn put_code(&self, text: String, code: Code) {
        self.codes.lock().insert(text, code);
    }

    /// A code as it was before; afterwards it counts as redeemed.
    pub fn redeem_code(&self, text: &str) -> Option<Code> {
        let mut codes = self.codes.lock();
        let code = codes.get_mut(text)?;
        let before = code.clone();
        code.redeemed = true;
        Some(before)
    }

    /// Keeps a device's question under its device code.
    pub fn put_device(&self, device_code: String, device: Device) {
        self.devices.lock().insert(device_code, device);
    }

    /// A device's question by its device code.
    pub fn device(&self, device_code: &str) -> Option<Device> {
        self.devices.lock().get(device_code).cloned()
    }

    /// The question that belongs to what someone typed.
    pub fn device_by_user_code(&self, user_code: &str) -> Option<(String, Device)> {
        let devices = self.devices.lock();
        let found = devices.iter().find(|(_, device)| device.user_code.eq_ignore_ascii_case(user_code.trim()));
        found.map(|(code, device)| (code.clone(), device.clone()))
    }

    /// Changes what has become of a question.
    pub fn set_device(&self, device_code: &str, state: DeviceState) {
        if let Some(device) = self.devices.lock().get_mut(device_code) {
            device.state = state;
        }
    }

    /// Whether a user is locked out.
    pub fn is_locked(&self, user: Uuid, now: Timestamp) -> bool {
        let failures = self.failures.lock();
        failures.get(&user).is_some_and(|it| it.count >= LOCKED_AFTER && now.duration_since(it.last) < LOCKED_FOR)
    }

    /// Counts a wrong password.
    pub fn failed(&self, user: Uuid, now: Timestamp) {
        let mut failures = self.failures.lock();
        let entry = failures.entry(user).or_insert(Failures { count: 0, last: now });
        if entry.count >= LOCKED_AFTER && now.duration_since(entry.last) >= LOCKED_FOR {
            entry.count = 0;
        }
        entry.count += 1;
        entry.last = now;
    }

    /// Forgets wrong passwords after a right one.
    pub fn succeeded(&self, user: Uuid) {
        self.failures.lock().remove(&user);
    }
}
