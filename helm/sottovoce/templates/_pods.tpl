{{- /* What every pod has: (list . "component"). Restricted, by the Pod Security Standards. */}}
{{- define "sottovoce.podLabels" -}}
{{- $root := index . 0 -}}
{{ include "sottovoce.labels" $root }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end }}

{{- define "sottovoce.podSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "sottovoce.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{- define "sottovoce.placement" -}}
{{- with .Values.images.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- end }}

{{- /* (list . "component"): pods of it stand on different nodes and zones, where there are any. */}}
{{- define "sottovoce.spread" -}}
{{- $root := index . 0 -}}
topologySpreadConstraints:
  {{- range list "kubernetes.io/hostname" "topology.kubernetes.io/zone" }}
  - maxSkew: 1
    topologyKey: {{ . }}
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "sottovoce.selector" $root | nindent 8 }}
        app.kubernetes.io/component: {{ index $ 1 }}
  {{- end }}
{{- end }}

{{- /* A map of values as environment variables, in order. */}}
{{- define "sottovoce.env" -}}
{{- range $name, $value := . }}
- name: {{ $name }}
  value: {{ $value | quote }}
{{- end }}
{{- end }}

{{- /* Waits for topics and data sets: (list . "image's name" "Kafka user" catalogue?). */}}
{{- define "sottovoce.waitForTopics" -}}
{{- $root := index . 0 -}}
- name: wait-for-topics
  image: {{ include "sottovoce.image" (list $root (index . 1)) }}
  imagePullPolicy: {{ $root.Values.images.pullPolicy }}
  command: [tini, --, sottovoce, topics, wait, --timeout=600{{ if index . 3 }}, --catalogue{{ end }}]
  env: {{ include "sottovoce.kafkaEnv" (list $root (index . 2)) | nindent 4 }}
  securityContext: {{ include "sottovoce.containerSecurity" $root | nindent 4 }}
  resources:
    requests: {cpu: 50m, memory: 96Mi}
    limits: {cpu: "1", memory: 256Mi}
  volumeMounts:
    - {name: tmp, mountPath: /tmp}
    {{- include "sottovoce.kafkaMounts" $root | nindent 4 }}
{{- end }}
