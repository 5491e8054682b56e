//! WebCrypto.

use js_sys::{Array, Object, Reflect, Uint8Array};
use web_sys::{CryptoKey, SubtleCrypto, WorkerGlobalScope};
use worker::wasm_bindgen::JsCast;
use worker::wasm_bindgen_futures::JsFuture;

use crate::platform::{Algorithm, PrivateKey, PublicKey};

thread_local! {
    /// An algorithm without parameters. Its name as a string would be decoded anew for each hash.
    static SHA256: Object = {
        let algorithm = Object::new();
        // Setting a member of a new object cannot fail.
        let _ = Reflect::set(&algorithm, &"name".into(), &"SHA-256".into());
        algorithm
    };
}

fn webcrypto() -> Option<SubtleCrypto> {
    let scope: WorkerGlobalScope = js_sys::global().unchecked_into();
    Some(scope.crypto().ok()?.subtle())
}

/// An algorithm as WebCrypto names it; for a key of either kind the other's members are read over.
#[derive(serde::Serialize)]
#[serde(rename_all = "camelCase")]
struct WebCryptoAlgorithm {
    name: &'static str,
    hash: &'static str,
    named_curve: &'static str,
}

impl From<Algorithm> for WebCryptoAlgorithm {
    fn from(algorithm: Algorithm) -> WebCryptoAlgorithm {
        const RSA: &str = "RSASSA-PKCS1-v1_5";
        let (name, hash) = match algorithm {
            Algorithm::RS256 => (RSA, "SHA-256"),
            Algorithm::RS384 => (RSA, "SHA-384"),
            Algorithm::RS512 => (RSA, "SHA-512"),
            Algorithm::ES256 => ("ECDSA", "SHA-256"),
        };
        WebCryptoAlgorithm {
            name,
            hash,
            named_curve: "P-256",
        }
    }
}

/// Whether a signature holds; `None` where the platform does not take the key.
pub async fn verified(
    key: &PublicKey,
    algorithm: Algorithm,
    message: &[u8],
    signature: &[u8],
) -> Option<bool> {
    let subtle = webcrypto()?;
    let algorithm = WebCryptoAlgorithm::from(algorithm);
    let algorithm: Object = serde_wasm_bindgen::to_value(&algorithm).ok()?.into();
    let jwk: Object = serde_wasm_bindgen::to_value(key).ok()?.into();
    let usages = Array::of1(&"verify".into());
    let key = subtle.import_key_with_object("jwk", &jwk, &algorithm, false, &usages);
    let key: CryptoKey = JsFuture::from(key.ok()?).await.ok()?.into();
    let signature = Uint8Array::from(signature);
    let holds = subtle.verify_with_object_and_js_u8_array_and_js_u8_array(
        &algorithm,
        &key,
        &signature,
        &Uint8Array::from(message),
    );
    JsFuture::from(holds.ok()?).await.ok()?.as_bool()
}

/// The signature by ES256; `None` where the platform does not take the key.
pub async fn signed(key: &PrivateKey<'_>, message: &[u8]) -> Option<Vec<u8>> {
    let subtle = webcrypto()?;
    let algorithm = WebCryptoAlgorithm::from(Algorithm::ES256);
    let algorithm: Object = serde_wasm_bindgen::to_value(&algorithm).ok()?.into();
    let jwk: Object = serde_wasm_bindgen::to_value(key).ok()?.into();
    let usages = Array::of1(&"sign".into());
    let key = subtle.import_key_with_object("jwk", &jwk, &algorithm, false, &usages);
    let key: CryptoKey = JsFuture::from(key.ok()?).await.ok()?.into();
    let message = Uint8Array::from(message);
    let signature = subtle.sign_with_object_and_js_u8_array(&algorithm, &key, &message);
    let signature = JsFuture::from(signature.ok()?).await.ok()?;
    Some(Uint8Array::new(&signature).to_vec())
}

/// SHA-256 by the platform's WebCrypto: several times as fast as WebAssembly.
pub async fn native_sha256(bytes: &[u8]) -> Option<[u8; 32]> {
    let subtle = webcrypto()?;
    let digest = SHA256.with(|sha256| subtle.digest_with_object_and_u8_array(sha256, bytes));
    let digest = digest.ok()?;
    let hash = JsFuture::from(digest).await.ok()?;
    Uint8Array::new(&hash).to_vec().try_into().ok()
}
