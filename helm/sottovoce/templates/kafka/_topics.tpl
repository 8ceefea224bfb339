{{- /*
Every topic with its settings, as src/sottovoce/data_sets/topic_settings.py has them:
tests/deploy/test_topics.py compares the two.
*/}}
{{- define "sottovoce.topics" -}}
{{- $brisk := eq .Values.topics.profile "demo" }}
{{- $lag := ternary 60000 86400000 $brisk }}
{{- $compact := dict "cleanup.policy" "compact" "segment.ms" (ternary 10000 3600000 $brisk) "max.compaction.lag.ms" $lag "min.cleanable.dirty.ratio" 0.1 "delete.retention.ms" $lag }}
{{- $both := merge (dict "cleanup.policy" "compact,delete") $compact }}
{{- $shards := int .Values.topics.shards }}
{{- $all := dict }}
{{- range $dataSet := list "live" "history" }}
{{- $_ := set $all (printf "listens.%s" $dataSet) (dict "partitions" $shards "config" (merge (dict "message.timestamp.type" "LogAppendTime" "retention.ms" (ternary 604800000 -1 (eq $dataSet "live"))) $both)) }}
{{- $_ := set $all (printf "cells.%s" $dataSet) (dict "partitions" $shards "config" (merge (dict "min.compaction.lag.ms" (div $lag 2)) $compact)) }}
{{- end }}
{{- range list "cursors" "vault" "tracks" "catalogues" "erasures" "releases" }}
{{- $_ := set $all . (dict "partitions" 1 "config" $compact) }}
{{- end }}
{{- $_ := set $all "dead-letters" (dict "partitions" 1 "config" (merge (dict "retention.ms" 604800000) $both)) }}
{{- $_ := set $all "charges" (dict "partitions" 1 "config" (dict "cleanup.policy" "delete" "retention.ms" -1 "flush.messages" 1)) }}
{{- toJson $all }}
{{- end }}

{{- /* Who may do what in the mode strimzi: user -> transactional id, and operations -> topics. */}}
{{- define "sottovoce.users" -}}
producer:
  transactions: {name: writer-, patternType: prefix}
  topics:
    Read,Write,Describe: [listens.live, listens.history, cursors, vault, tracks]
    Read,Describe: [catalogues]
consumer:
  transactions: {name: consumer, patternType: literal}
  topics:
    Read,Write,Describe: [listens.live, listens.history, cells.live, cells.history, dead-letters, erasures, tracks]
    Read,Describe: [catalogues]
query:
  transactions: {name: query-, patternType: prefix}
  topics:
    Read,Write,Describe: [charges, releases, erasures]
    Read,Describe: [cells.live, cells.history, tracks, catalogues]
    # How long a tombstone stands there, for certificates.
    DescribeConfigs: [listens.live, listens.history]
# Makes topics and data sets, imports catalogues, seals; no listener's name is within its reach.
admin:
  transactions: {name: administrator, patternType: literal}
  topics:
    Read,Write,Create,Describe,DescribeConfigs: [listens.history, catalogues]
    Write,Create,Describe,DescribeConfigs: [charges]
    Read,Create,Describe,DescribeConfigs: [cells.live, cells.history]
    Create,Describe,DescribeConfigs: [listens.live, cursors, vault, tracks, releases, erasures, dead-letters]
{{- end }}
