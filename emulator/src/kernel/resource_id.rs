//! ARM resource ids and scopes. Case is kept as written and ignored in comparison; doubled slashes are collapsed (JavaScript
//! clients send `//subscriptions/…`, the command line `…/Microsoft.ContainerRegistry//registries/x`).
//! Source: the ARM resource provider contract and `Azure/azure-resource-manager-rpc`.

use std::fmt;

/// The id of anything that can be a scope: the tenant root `/`, a management group, a subscription, a group, a resource or an
/// extension resource.
#[derive(Clone)]
pub struct ResourceId {
    text: String,
    key: String,
}

impl ResourceId {
    /// Takes a path as a resource id: slashes collapsed, the trailing one dropped.
    pub fn new(path: &str) -> Self {
        let mut text = String::with_capacity(path.len() + 1);
        for segment in path.split('/').filter(|segment| !segment.is_empty()) {
            text.push('/');
            text.push_str(segment);
        }
        if text.is_empty() {
            text.push('/');
        }
        let key = text.to_ascii_lowercase();
        Self { text, key }
    }

    /// The tenant root.
    pub fn root() -> Self {
        Self::new("/")
    }

    /// A subscription's id.
    pub fn of_subscription(subscription: impl fmt::Display) -> Self {
        Self::new(&format!("/subscriptions/{subscription}"))
    }

    /// A resource group's id.
    pub fn of_group(subscription: &str, group: &str) -> Self {
        Self::new(&format!("/subscriptions/{subscription}/resourceGroups/{group}"))
    }

    /// The id as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The id in lower case: what is compared, and what stores are keyed by.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The segments as written.
    pub fn segments(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.text.split('/').filter(|segment| !segment.is_empty())
    }

    /// The last segment: the name of a resource.
    pub fn name(&self) -> &str {
        self.segments().next_back().unwrap_or("")
    }

    /// The id with more segments behind it.
    pub fn join(&self, rest: &str) -> Self {
        Self::new(&format!("{}/{rest}", self.text))
    }

    /// The subscription's id, as written.
    pub fn subscription(&self) -> Option<&str> {
        let mut segments = self.segments();
        (segments.next()?.eq_ignore_ascii_case("subscriptions")).then(|| segments.next()).flatten()
    }

    /// The resource group's name, as written.
    pub fn group(&self) -> Option<&str> {
        let mut segments = self.segments().skip(2);
        self.subscription()?;
        (segments.next()?.eq_ignore_ascii_case("resourcegroups")).then(|| segments.next()).flatten()
    }

    /// The id of the resource group that this id is or lies in.
    pub fn group_id(&self) -> Option<Self> {
        Some(Self::of_group(self.subscription()?, self.group()?))
    }

    /// Whether this is a management group's id.
    pub fn is_management_group(&self) -> bool {
        self.key.strip_prefix("/providers/microsoft.management/managementgroups/").is_some_and(|name| !name.contains('/'))
    }

    /// What lies behind the last `/providers/`: namespace, and type and name segments in turn.
    fn provider_part(&self) -> Option<Vec<&str>> {
        let position = self.key.rfind("/providers/")?;
        Some(self.text[position + "/providers/".len()..].split('/').collect())
    }

    /// The full type, `Namespace/type[/child]`, of a resource; groups and subscriptions have types too.
    pub fn resource_type(&self) -> Option<String> {
        match self.provider_part() {
            Some(part) => {
                let types = part.iter().skip(1).step_by(2).copied();
                let name: Vec<&str> = std::iter::once(part[0]).chain(types).collect();
                (name.len() > 1).then(|| name.join("/"))
            }
            None if self.group().is_some() => Some("Microsoft.Resources/subscriptions/resourceGroups".into()),
            None => self.subscription().map(|_| "Microsoft.Resources/subscriptions".into()),
        }
    }

    /// The id one level up: the parent resource, the group, the subscription, the root.
    pub fn parent(&self) -> Option<Self> {
        parent_length(&self.key).map(|length| Self::new(&self.text[..length]))
    }

    /// The keys of this id and of every scope above it, the nearest first, the root last.
    pub fn ancestor_keys(&self) -> impl Iterator<Item = &str> {
        std::iter::successors(Some(self.key.as_str()), |key| match parent_length(key)? {
            0 => Some("/"),
            length => Some(&key[..length]),
        })
    }

    /// Whether this id is `scope` or lies below it, judged on segment boundaries: `rg1` does not hold `rg10`.
    pub fn is_within(&self, scope: &Self) -> bool {
        scope.key == "/" || self.key.strip_prefix(&scope.key).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

/// The length of the parent's text, given an id in lower case; 0 stands for the root.
fn parent_length(key: &str) -> Option<usize> {
    if key == "/" {
        return None;
    }
    let without = |segments: usize| key.rmatch_indices('/').nth(segments - 1).map_or(0, |(slash, _)| slash);
    Some(match last_provider(key) {
        // providers/ns/type/name/child/name2: two segments fewer, or all of it for a resource without a parent.
        Some((slash, behind)) if key[behind..].matches('/').count() > 3 => without(2).max(slash),
        Some((slash, _)) => slash,
        None => without(2),
    })
}

/// Where the last `/providers` of a key begins and ends.
fn last_provider(key: &str) -> Option<(usize, usize)> {
    const PROVIDERS: &str = "/providers";
    let whole = |slash: &usize| matches!(key.as_bytes().get(slash + PROVIDERS.len()), None | Some(b'/'));
    let slash = key.rmatch_indices(PROVIDERS).map(|(slash, _)| slash).find(whole)?;
    Some((slash, slash + PROVIDERS.len()))
}

impl PartialEq for ResourceId {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

impl Eq for ResourceId {}

impl fmt::Display for ResourceId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

impl fmt::Debug for ResourceId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REGISTRY: &str = "/subscriptions/S1/resourceGroups/Rg/providers/Microsoft.ContainerRegistry/registries/Reg";

    #[test]
    fn an_id_is_taken_apart() {
        let id = ResourceId::new(&format!("{}//webhooks/hook/", REGISTRY.replace("/Microsoft", "//Microsoft")));
        assert_eq!(id.as_str(), format!("{REGISTRY}/webhooks/hook"));
        assert_eq!(id.subscription(), Some("S1"));
        assert_eq!(id.group(), Some("Rg"));
        assert_eq!(id.name(), "hook");
        assert_eq!(id.resource_type().as_deref(), Some("Microsoft.ContainerRegistry/registries/webhooks"));
        assert_eq!(id.parent(), Some(ResourceId::new(REGISTRY)));
    }

    #[test]
    fn ancestors_reach_the_root_by_segments() {
        let id = ResourceId::new(&format!("{REGISTRY}/webhooks/hook"));
        let keys: Vec<&str> = id.ancestor_keys().collect();
        let registry = REGISTRY.to_ascii_lowercase();
        let hook = format!("{registry}/webhooks/hook");
        assert_eq!(keys, [hook.as_str(), &registry, "/subscriptions/s1/resourcegroups/rg", "/subscriptions/s1", "/"]);
    }

    #[test]
    fn an_extension_stands_at_its_scope() {
        let id = ResourceId::new(&format!("{REGISTRY}/providers/Microsoft.Authorization/roleAssignments/x"));
        assert_eq!(id.parent(), Some(ResourceId::new(REGISTRY)));
        assert_eq!(id.resource_type().as_deref(), Some("Microsoft.Authorization/roleAssignments"));
        let tenant = ResourceId::new("/providers/Microsoft.Authorization/roleAssignments/x");
        assert_eq!(tenant.parent(), Some(ResourceId::root()));
    }

    #[test]
    fn scopes_match_on_segment_boundaries() {
        let group = ResourceId::new("/subscriptions/s/resourceGroups/rg1");
        assert!(ResourceId::new("/subscriptions/S/resourcegroups/RG1/providers/a/b/c").is_within(&group));
        assert!(!ResourceId::new("/subscriptions/s/resourceGroups/rg10").is_within(&group));
        assert!(group.is_within(&ResourceId::root()));
    }
}
