//! Where artifacts are kept.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use object_store::ObjectStore;
use object_store::aws::AmazonS3Builder;
use object_store::prefix::PrefixStore;

use super::error::ArtifactError;

/// Where artifacts are kept.
#[derive(Debug, Clone)]
pub enum Place {
    /// A folder of this machine.
    Folder(PathBuf),
    /// A bucket that speaks S3.
    Bucket(BucketSettings),
}

/// A bucket. What is absent comes from the environment (`AWS_ACCESS_KEY_ID`, `AWS_ENDPOINT`, …) or from the machine's
/// own role.
#[derive(Clone, Default)]
pub struct BucketSettings {
    /// Its name.
    pub bucket: String,
    /// What every key begins with; may be empty.
    pub prefix: String,
    /// The address of a server other than Amazon's.
    pub endpoint: Option<String>,
    /// The region.
    pub region: Option<String>,
    /// Who asks.
    pub access_key_id: Option<String>,
    /// The secret that proves it.
    pub secret_access_key: Option<String>,
}

impl fmt::Debug for BucketSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { bucket, prefix, endpoint, region, access_key_id, secret_access_key: _ } = self;
        f.debug_struct("BucketSettings")
            .field("bucket", bucket)
            .field("prefix", prefix)
            .field("endpoint", endpoint)
            .field("region", region)
            .field("access_key_id", access_key_id)
            .finish_non_exhaustive()
    }
}

impl BucketSettings {
    /// Prepares the bucket; nothing is asked of it yet. Plain HTTP is spoken only to this machine.
    pub(super) fn connect(&self) -> Result<Arc<dyn ObjectStore>, ArtifactError> {
        // The HTTP client takes its cryptography from the process; whoever chose one before stays in force.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut builder = AmazonS3Builder::from_env().with_bucket_name(&self.bucket);
        if let Some(endpoint) = &self.endpoint {
            builder = builder.with_endpoint(endpoint).with_allow_http(is_here(endpoint));
        }
        if let Some(region) = &self.region {
            builder = builder.with_region(region);
        }
        if let (Some(id), Some(secret)) = (&self.access_key_id, &self.secret_access_key) {
            builder = builder.with_access_key_id(id).with_secret_access_key(secret);
        }
        let bucket = builder.build().map_err(ArtifactError::Store)?;
        Ok(if self.prefix.is_empty() { Arc::new(bucket) } else { Arc::new(PrefixStore::new(bucket, &*self.prefix)) })
    }
}

fn is_here(endpoint: &str) -> bool {
    reqwest::Url::parse(endpoint).is_ok_and(|url| {
        let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
        host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
    })
}
