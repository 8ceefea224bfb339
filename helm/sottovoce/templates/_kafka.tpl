{{- /* How Kafka is reached, by kafka.mode. In the mode strimzi each service is a user of its own. */}}
{{- define "sottovoce.kafkaBootstrap" -}}
{{- $name := include "sottovoce.fullname" . -}}
{{- if eq .Values.kafka.mode "embedded" -}}
{{- printf "%s-kafka.%s.svc:9092" $name .Release.Namespace -}}
{{- else if eq .Values.kafka.mode "strimzi" -}}
{{- printf "%s-kafka-bootstrap.%s.svc:9093" $name .Release.Namespace -}}
{{- else -}}
{{- .Values.kafka.external.bootstrap -}}
{{- end -}}
{{- end }}

{{- /* (list . "user"): the settings of KafkaSettings, as environment variables. */}}
{{- define "sottovoce.kafkaEnv" -}}
{{- $root := index . 0 -}}
{{- $kafka := $root.Values.kafka -}}
- name: SOTTOVOCE_KAFKA_BOOTSTRAP
  value: {{ include "sottovoce.kafkaBootstrap" $root | quote }}
{{- with $kafka.topicPrefix }}
- name: SOTTOVOCE_KAFKA_TOPIC_PREFIX
  value: {{ . | quote }}
{{- end }}
{{- if eq $kafka.mode "strimzi" }}
- name: SOTTOVOCE_KAFKA_SECURITY_PROTOCOL
  value: SSL
- name: SOTTOVOCE_KAFKA_CA_FILE
  value: /etc/sottovoce/kafka-ca/ca.crt
- name: SOTTOVOCE_KAFKA_CERT_FILE
  value: /etc/sottovoce/kafka-user/user.crt
- name: SOTTOVOCE_KAFKA_KEY_FILE
  value: /etc/sottovoce/kafka-user/user.key
{{- else if eq $kafka.mode "external" }}
{{- $external := $kafka.external }}
- name: SOTTOVOCE_KAFKA_SECURITY_PROTOCOL
  value: {{ $external.securityProtocol }}
{{- if $external.caSecret }}
- name: SOTTOVOCE_KAFKA_CA_FILE
  value: /etc/sottovoce/kafka-ca/ca.crt
{{- end }}
{{- if $external.certSecret }}
- name: SOTTOVOCE_KAFKA_CERT_FILE
  value: /etc/sottovoce/kafka-user/tls.crt
- name: SOTTOVOCE_KAFKA_KEY_FILE
  value: /etc/sottovoce/kafka-user/tls.key
{{- end }}
{{- if hasPrefix "SASL" $external.securityProtocol }}
- name: SOTTOVOCE_KAFKA_SASL_MECHANISM
  value: {{ $external.saslMechanism }}
- name: SOTTOVOCE_KAFKA_SASL_USERNAME
  valueFrom: {secretKeyRef: {name: {{ $external.saslSecret }}, key: username}}
- name: SOTTOVOCE_KAFKA_SASL_PASSWORD
  valueFrom: {secretKeyRef: {name: {{ $external.saslSecret }}, key: password}}
{{- end }}
{{- end }}
{{- end }}

{{- define "sottovoce.kafkaMounts" -}}
{{- $kafka := .Values.kafka -}}
{{- if or (eq $kafka.mode "strimzi") (and (eq $kafka.mode "external") $kafka.external.caSecret) }}
- {name: kafka-ca, mountPath: /etc/sottovoce/kafka-ca, readOnly: true}
{{- end }}
{{- if or (eq $kafka.mode "strimzi") (and (eq $kafka.mode "external") $kafka.external.certSecret) }}
- {name: kafka-user, mountPath: /etc/sottovoce/kafka-user, readOnly: true}
{{- end }}
{{- end }}

{{- /* (list . "user") */}}
{{- define "sottovoce.kafkaVolumes" -}}
{{- $root := index . 0 -}}
{{- $kafka := $root.Values.kafka -}}
{{- $name := include "sottovoce.fullname" $root -}}
{{- if eq $kafka.mode "strimzi" }}
- name: kafka-ca
  secret: {secretName: {{ $name }}-cluster-ca-cert, defaultMode: 0440, items: [{key: ca.crt, path: ca.crt}]}
- name: kafka-user
  secret: {secretName: {{ $name }}-{{ index . 1 }}, defaultMode: 0440}
{{- else if eq $kafka.mode "external" }}
{{- with $kafka.external.caSecret }}
- name: kafka-ca
  secret: {secretName: {{ . }}, defaultMode: 0440, items: [{key: ca.crt, path: ca.crt}]}
{{- end }}
{{- with $kafka.external.certSecret }}
- name: kafka-user
  secret: {secretName: {{ . }}, defaultMode: 0440}
{{- end }}
{{- end }}
{{- end }}

{{- /* What holds data stays when the release goes, unless told otherwise. */}}
{{- define "sottovoce.kept" -}}
{{- if not .Values.deleteDataOnUninstall -}}
annotations:
  helm.sh/resource-policy: keep
{{- end }}
{{- end }}
