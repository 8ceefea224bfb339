{{- define "sottovoce.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" -}}
{{- end }}

{{- define "sottovoce.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else if contains (include "sottovoce.name" .) .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "sottovoce.name" .) | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end }}

{{- define "sottovoce.selector" -}}
app.kubernetes.io/name: {{ include "sottovoce.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "sottovoce.labels" -}}
{{ include "sottovoce.selector" . }}
app.kubernetes.io/part-of: sottovoce
app.kubernetes.io/version: {{ include "sottovoce.tag" . | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- define "sottovoce.tag" -}}
{{- default .Chart.AppVersion .Values.images.tag -}}
{{- end }}

{{- /* (list . "query"): the image of a service. */}}
{{- define "sottovoce.image" -}}
{{- $root := index . 0 -}}
{{- printf "%s/sottovoce-%s:%s" $root.Values.images.registry (index . 1) (include "sottovoce.tag" $root) -}}
{{- end }}

{{- define "sottovoce.tlsSecret" -}}
{{- default (printf "%s-tls" (include "sottovoce.fullname" .)) .Values.tls.existingSecret -}}
{{- end }}

{{- define "sottovoce.accessSecret" -}}
{{- default (printf "%s-access" (include "sottovoce.fullname" .)) .Values.access.existingSecret -}}
{{- end }}

{{- define "sottovoce.tokensSecret" -}}
{{- default (printf "%s-tokens" (include "sottovoce.fullname" .)) .Values.access.tokensSecret -}}
{{- end }}

{{- define "sottovoce.erasureKeySecret" -}}
{{- default (printf "%s-erasure-key" (include "sottovoce.fullname" .)) .Values.query.erasureKeySecret -}}
{{- end }}

{{- define "sottovoce.vaultKeySecret" -}}
{{- default (printf "%s-vault-key" (include "sottovoce.fullname" .)) .Values.producer.vaultKeySecret -}}
{{- end }}

{{- define "sottovoce.queryAddress" -}}
{{- printf "%s-query.%s.svc:50051" (include "sottovoce.fullname" .) .Release.Namespace -}}
{{- end }}

{{- /* (list . "component"): a selector of its pods. */}}
{{- define "sottovoce.pods" -}}
matchLabels:
  {{- include "sottovoce.selector" (index . 0) | nindent 2 }}
  app.kubernetes.io/component: {{ index . 1 }}
{{- end }}

{{- define "sottovoce.kafkaClients" -}}
{key: app.kubernetes.io/component, operator: In, values: [topics, admin, producer, consumer, executor, query]}
{{- end }}
