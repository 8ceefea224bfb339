{{- /* Values that only make sense together; each wrong one is a sentence that names it. */}}
{{- define "sottovoce.checks" -}}
{{- $kafka := .Values.kafka }}
{{- $topics := .Values.topics }}
{{- if eq (include "sottovoce.tag" .) "latest" }}
  {{- fail "\nimages.tag is latest: name a version, so that a roll-back has something to go back to." }}
{{- end }}
{{- if eq $kafka.mode "external" }}
  {{- $external := $kafka.external }}
  {{- if not $external.bootstrap }}
    {{- fail "\nkafka.external.bootstrap is empty, and kafka.mode is external: give Kafka's addresses, HOST:PORT[,HOST:PORT...]." }}
  {{- end }}
  {{- if not (regexMatch "^[^,:\\s]+:[0-9]+(,[^,:\\s]+:[0-9]+)*$" $external.bootstrap) }}
    {{- fail (printf "\nkafka.external.bootstrap is %s: give Kafka's addresses as HOST:PORT[,HOST:PORT...]." $external.bootstrap) }}
  {{- end }}
  {{- if and (hasPrefix "SASL" $external.securityProtocol) (not $external.saslSecret) }}
    {{- fail (printf "\nkafka.external.saslSecret is empty, and kafka.external.securityProtocol is %s: name a Secret with the keys username and password." $external.securityProtocol) }}
  {{- end }}
  {{- if and $external.certSecret (not (has $external.securityProtocol (list "SSL" "SASL_SSL"))) }}
    {{- fail (printf "\nkafka.external.certSecret is %s, but kafka.external.securityProtocol %s shows no certificate: use SSL or SASL_SSL." $external.certSecret $external.securityProtocol) }}
  {{- end }}
{{- end }}
{{- if eq $kafka.mode "strimzi" }}
  {{- if not (.Capabilities.APIVersions.Has "kafka.strimzi.io/v1/Kafka") }}
    {{- fail "\nkafka.mode is strimzi, and this cluster does not know kafka.strimzi.io/v1: install Strimzi's operator 1.0 or newer first (k8s/README.md), or set kafka.mode to embedded or external. With `helm template` add --api-versions kafka.strimzi.io/v1/Kafka." }}
  {{- end }}
  {{- if gt (int $topics.replication) (int $kafka.strimzi.brokers.replicas) }}
    {{- fail (printf "\ntopics.replication is %d, more than the %d of kafka.strimzi.brokers.replicas: lower the one or raise the other." (int $topics.replication) (int $kafka.strimzi.brokers.replicas)) }}
  {{- end }}
  {{- if eq (mod (int $kafka.strimzi.controllers.replicas) 2) 0 }}{{ if gt (int $kafka.strimzi.controllers.replicas) 0 }}
    {{- fail (printf "\nkafka.strimzi.controllers.replicas is %d: a quorum has an odd number, or 0 where the brokers are controllers as well." (int $kafka.strimzi.controllers.replicas)) }}
  {{- end }}{{ end }}
{{- end }}
{{- if and (eq $kafka.mode "embedded") (gt (int $topics.replication) 1) }}
  {{- fail (printf "\ntopics.replication is %d, but kafka.mode embedded has one broker: set it to 1, or use kafka.mode strimzi or external." (int $topics.replication)) }}
{{- end }}
{{- if gt (int $topics.inSync) (int $topics.replication) }}
  {{- fail (printf "\ntopics.inSync is %d, more than the %d of topics.replication: nothing could ever be written." (int $topics.inSync) (int $topics.replication)) }}
{{- end }}
{{- if or (lt (int $topics.shards) 1) (gt (int $topics.shards) 1024) }}
  {{- fail (printf "\ntopics.shards is %d: it can be 1 to 1024, and is fixed for good when the topics are made." (int $topics.shards)) }}
{{- end }}
{{- if or (le (float64 .Values.privacy.epsilon) 0.0) (gt (float64 .Values.privacy.epsilon) 100.0) }}
  {{- fail (printf "\nprivacy.epsilon is %v: it must be above 0 and at most 100." .Values.privacy.epsilon) }}
{{- end }}
{{- if or (le (float64 .Values.privacy.delta) 0.0) (gt (float64 .Values.privacy.delta) 1e-5) }}
  {{- fail (printf "\nprivacy.delta is %v: it must be above 0 and at most 1e-5." .Values.privacy.delta) }}
{{- end }}
{{- if lt (int .Values.producer.writers) 1 }}
  {{- fail (printf "\nproducer.writers is %d: at least one writer is needed." (int .Values.producer.writers)) }}
{{- end }}
{{- if lt (float64 .Values.producer.simulator.rate) 0.0 }}
  {{- fail (printf "\nproducer.simulator.rate is %v: it is made-up plays a second, 0 for as fast as possible; producer.simulator.enabled turns it off." .Values.producer.simulator.rate) }}
{{- end }}
{{- if lt (int .Values.catalogue.madeUpTracks) 0 }}
  {{- fail (printf "\ncatalogue.madeUpTracks is %d: it is a number of tracks, 0 for none." (int .Values.catalogue.madeUpTracks)) }}
{{- end }}
{{- with .Values.consumer.executors }}
  {{- if or (lt (int .instances) 0) (gt (int .instances) 1000) }}
    {{- fail (printf "\nconsumer.executors.instances is %d: it can be 0 (the driver counts by itself) to 1000." (int .instances)) }}
  {{- end }}
  {{- if lt (int .cores) 1 }}
    {{- fail (printf "\nconsumer.executors.cores is %d: an executor needs at least one." (int .cores)) }}
  {{- end }}
{{- end }}
{{- if lt (int .Values.dashboard.replicas) 1 }}
  {{- fail (printf "\ndashboard.replicas is %d: dashboard.enabled=false leaves the dashboard out." (int .Values.dashboard.replicas)) }}
{{- end }}
{{- if lt (int .Values.query.replicas) 1 }}
  {{- fail (printf "\nquery.replicas is %d: at least one is needed to answer." (int .Values.query.replicas)) }}
{{- end }}
{{- $needed := add (int .Values.query.drainSeconds) (int .Values.query.graceSeconds) 10 }}
{{- if lt (int .Values.query.terminationGracePeriodSeconds) (int $needed) }}
  {{- fail (printf "\nquery.terminationGracePeriodSeconds is %d: draining, running calls and the end take up to %d s." (int .Values.query.terminationGracePeriodSeconds) (int $needed)) }}
{{- end }}
{{- if lt (int .Values.consumer.terminationGracePeriodSeconds) 60 }}
  {{- fail (printf "\nconsumer.terminationGracePeriodSeconds is %d: the batch that runs is committed first; give it 60 s or more." (int .Values.consumer.terminationGracePeriodSeconds)) }}
{{- end }}
{{- if and .Values.access.existingSecret (not .Values.access.tokensSecret) }}
  {{- fail (printf "\naccess.tokensSecret is empty, and access.existingSecret is %s: name a Secret whose key analyst holds the token that the dashboard and `helm test` show." .Values.access.existingSecret) }}
{{- end }}
{{- if and .Values.access.tokensSecret (not .Values.access.existingSecret) }}
  {{- fail (printf "\naccess.tokensSecret is %s, and access.existingSecret is empty: a callers.json that knows those tokens is needed." .Values.access.tokensSecret) }}
{{- end }}
{{- with .Values.dashboard.ingress }}
  {{- if and .enabled (not .host) }}
    {{- fail "\ndashboard.ingress.host is empty, and dashboard.ingress.enabled is true: give the name that the dashboard is opened by." }}
  {{- end }}
{{- end }}
{{- if and .Values.dashboard.ingress.enabled .Values.networkPolicies.enabled (not .Values.networkPolicies.dashboardClients) }}
  {{- fail "\nnetworkPolicies.dashboardClients is empty, and dashboard.ingress.enabled is true: name the namespace of the ingress controller, else it is not let in." }}
{{- end }}
{{- if and (eq (toString .Values.monitoring.podMonitors) "true") (not (.Capabilities.APIVersions.Has "monitoring.coreos.com/v1/PodMonitor")) }}
  {{- fail "\nmonitoring.podMonitors is true, and this cluster does not know monitoring.coreos.com/v1 PodMonitor: install the Prometheus operator first, or set it to auto or false." }}
{{- end }}
{{- if and (eq (toString .Values.monitoring.rules) "true") (not (.Capabilities.APIVersions.Has "monitoring.coreos.com/v1/PrometheusRule")) }}
  {{- fail "\nmonitoring.rules is true, and this cluster does not know monitoring.coreos.com/v1 PrometheusRule: install the Prometheus operator first, or set it to auto or false." }}
{{- end }}
{{- end }}
