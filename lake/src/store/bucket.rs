//! A bucket of S3, or of what speaks its API.

use std::sync::Arc;

use object_store::aws::{AmazonS3Builder, AwsCredential};
use object_store::path::Path;
use object_store::prefix::PrefixStore;
use object_store::{CredentialProvider, ObjectStore, RetryConfig};

use super::StoreError;
use crate::source::credentials::Identity;

/// Tries of one call before the lake hears of it, which goes on trying and says so.
const RETRIES: usize = 2;

/// Which bucket, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bucket {
    /// Its name.
    pub name: String,
    /// What stands before each path; may be empty.
    pub prefix: String,
    /// Its region.
    pub region: String,
    /// Where S3 answers; AWS's endpoint of the region where it is not said.
    pub endpoint: Option<String>,
}

/// Opens a bucket. Nothing is asked of it yet.
///
/// # Errors
/// [`StoreError::Object`] where the name, the prefix or the endpoint is none.
pub fn open(bucket: &Bucket, identity: Arc<Identity>) -> Result<Arc<dyn ObjectStore>, StoreError> {
    let mut builder = AmazonS3Builder::new()
        .with_bucket_name(&bucket.name)
        .with_region(&bucket.region)
        .with_credentials(Arc::new(Credentials(identity)))
        .with_retry(RetryConfig {
            max_retries: RETRIES,
            ..RetryConfig::default()
        });
    if let Some(endpoint) = &bucket.endpoint {
        builder = builder
            .with_endpoint(endpoint)
            .with_allow_http(endpoint.starts_with("http://"));
    }
    let objects = builder.build()?;
    // As it stands: `Path::from` would encode characters that are in it, and other programs would look elsewhere.
    let prefix = Path::parse(&bucket.prefix).map_err(object_store::Error::from)?;
    Ok(Arc::new(PrefixStore::new(objects, prefix)))
}

/// The lake's own credentials, for S3.
#[derive(Debug)]
struct Credentials(Arc<Identity>);

#[async_trait::async_trait]
impl CredentialProvider for Credentials {
    type Credential = AwsCredential;

    async fn get_credential(&self) -> object_store::Result<Arc<AwsCredential>> {
        let credentials = self.0.credentials().await;
        let credentials = credentials.map_err(|error| object_store::Error::Generic {
            store: "S3",
            source: Box::new(error),
        })?;
        Ok(Arc::new(AwsCredential {
            key_id: credentials.access_key_id().to_owned(),
            secret_key: credentials.secret_access_key().to_owned(),
            token: credentials.session_token().map(str::to_owned),
        }))
    }
}
