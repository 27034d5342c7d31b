{{- define "sliceflow.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" }}
{{- end }}

{{- define "sliceflow.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trimSuffix "-" }}
{{- else if contains (include "sliceflow.name" .) .Release.Name }}
{{- .Release.Name | trunc 40 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name (include "sliceflow.name" .) | trunc 40 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "sliceflow.selector" -}}
app.kubernetes.io/name: {{ include "sliceflow.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "sliceflow.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{ include "sliceflow.selector" . }}
{{- end }}

{{/* A pod that asks for a GPU of NVIDIA's, or a part of one, gets the image that computes on it. */}}
{{- define "sliceflow.image" -}}
{{- $gpu := "" -}}
{{- range $resource, $amount := .Values.resources.limits }}
{{- if hasPrefix "nvidia.com/" $resource }}{{ $gpu = "-cuda" }}{{ end -}}
{{- end -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default (print .Chart.AppVersion $gpu) }}
{{- end }}

{{- define "sliceflow.workerImage" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default (print .Chart.AppVersion (ternary "-cuda" "" (gt (int .Values.workers.gpu) 0))) }}
{{- end }}

{{- define "sliceflow.tlsSecret" -}}
{{ .Values.tls.secretName | default (printf "%s-tls" (include "sliceflow.fullname" .)) }}
{{- end }}

{{- define "sliceflow.workersSecret" -}}
{{ .Values.workers.tls.secretName | default (printf "%s-workers" (include "sliceflow.fullname" .)) }}
{{- end }}

{{- define "sliceflow.serverHost" -}}
{{ printf "%s.%s.svc" (include "sliceflow.fullname" .) .Release.Namespace }}
{{- end }}

{{- /* What Kubernetes calls the restricted standard of pods. */}}
{{- define "sliceflow.podSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
fsGroupChangePolicy: OnRootMismatch
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "sliceflow.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{/* What the HTTP port speaks; client certificates are not asked for by its probes and metrics. */}}
{{- define "sliceflow.scheme" -}}
{{ ternary "HTTPS" "HTTP" .Values.tls.enabled }}
{{- end }}
