package cmd

import (
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
)

// What docs/deploy/kubernetes.yaml uses of Kubernetes: a key that is not here is a mistake of the file, or is to be
// added after a look at the API.
type (
	kubeMeta struct {
		Name   string
		Labels map[string]string
	}
	kubeProbe struct {
		HTTPGet          struct{ Path, Port string } `yaml:"httpGet"`
		PeriodSeconds    int                         `yaml:"periodSeconds"`
		FailureThreshold int                         `yaml:"failureThreshold"`
	}
	kubeContainer struct {
		Name, Image string
		Args        []string
		Ports       []struct {
			Name          string
			ContainerPort int `yaml:"containerPort"`
		}
		StartupProbe    kubeProbe                                    `yaml:"startupProbe"`
		ReadinessProbe  kubeProbe                                    `yaml:"readinessProbe"`
		LivenessProbe   kubeProbe                                    `yaml:"livenessProbe"`
		Resources       struct{ Requests, Limits map[string]string } `yaml:"resources"`
		SecurityContext struct {
			AllowPrivilegeEscalation bool `yaml:"allowPrivilegeEscalation"`
			ReadOnlyRootFilesystem   bool `yaml:"readOnlyRootFilesystem"`
			Capabilities             struct{ Drop []string }
		} `yaml:"securityContext"`
		VolumeMounts []struct {
			Name      string
			MountPath string `yaml:"mountPath"`
			ReadOnly  bool   `yaml:"readOnly"`
		} `yaml:"volumeMounts"`
	}
	kubePod struct {
		TerminationGracePeriodSeconds int  `yaml:"terminationGracePeriodSeconds"`
		AutomountServiceAccountToken  bool `yaml:"automountServiceAccountToken"`
		SecurityContext               struct {
			RunAsNonRoot   bool                  `yaml:"runAsNonRoot"`
			RunAsUser      int                   `yaml:"runAsUser"`
			RunAsGroup     int                   `yaml:"runAsGroup"`
			FSGroup        int                   `yaml:"fsGroup"`
			SeccompProfile struct{ Type string } `yaml:"seccompProfile"`
		} `yaml:"securityContext"`
		Containers []kubeContainer
		Volumes    []struct {
			Name      string
			ConfigMap *struct{ Name string } `yaml:"configMap"`
			Secret    *struct {
				SecretName  string `yaml:"secretName"`
				DefaultMode int    `yaml:"defaultMode"`
			}
		}
	}
	kubeObject struct {
		APIVersion string `yaml:"apiVersion"`
		Kind       string
		Metadata   kubeMeta
		Data       map[string]string
		StringData map[string]string `yaml:"stringData"`
		Spec       struct {
			Replicas     int
			Selector     map[string]any
			MinAvailable int    `yaml:"minAvailable"`
			Affinity     string `yaml:"sessionAffinity"`
			Strategy     struct {
				RollingUpdate struct {
					MaxUnavailable int `yaml:"maxUnavailable"`
					MaxSurge       int `yaml:"maxSurge"`
				} `yaml:"rollingUpdate"`
			}
			Ports []struct {
				Name       string
				Port       int
				TargetPort string `yaml:"targetPort"`
			}
			Template struct {
				Metadata kubeMeta
				Spec     kubePod
			}
		}
	}
)

// TestKubernetes: the example is what Kubernetes takes, its parts fit each other and Weir's configuration, and a stop
// has the time that it needs.
func TestKubernetes(t *testing.T) {
	objects := map[string]*kubeObject{}
	decoder := yaml.NewDecoder(strings.NewReader(deployed(t, "kubernetes.yaml")), yaml.Strict())
	for {
		o := new(kubeObject)
		if err := decoder.Decode(o); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		objects[o.Kind] = o
	}
	for kind, version := range map[string]string{"ConfigMap": "v1", "Secret": "v1", "Service": "v1",
		"Deployment": "apps/v1", "PodDisruptionBudget": "policy/v1"} {
		if objects[kind] == nil || objects[kind].APIVersion != version || objects[kind].Metadata.Name != "weir" {
			t.Fatalf("%s is %+v", kind, objects[kind])
		}
	}
	pod := objects["Deployment"].Spec.Template.Spec
	config := kubernetesConfig(t, objects)

	stop := config.ShutdownTimeout + 3*time.Second + config.Trace.Timeout + 2*lastWords
	if grace := time.Duration(pod.TerminationGracePeriodSeconds) * time.Second; grace < stop || grace > stop+15*time.Second {
		t.Errorf("terminationGracePeriodSeconds is %v, a stop may take %v", grace, stop)
	}
	c := pod.Containers[0]
	if !strings.HasSuffix(c.Args[1], "/weir.yaml") || !strings.HasPrefix(c.Args[1], c.VolumeMounts[0].MountPath) {
		t.Errorf("args are %v, mounts %v", c.Args, c.VolumeMounts)
	}
	ports := map[string]string{}
	for _, p := range c.Ports {
		ports[p.Name] = "0.0.0.0:" + map[int]string{8080: "8080", 9090: "9090"}[p.ContainerPort]
	}
	if ports["mcp"] != config.Server.HTTP || ports["admin"] != config.Admin {
		t.Errorf("the ports are %v", ports)
	}
	paths := map[string]string{}
	s := startTest(t, func(c *Config) { c.AdminTokensFile = config.AdminTokensFile })
	for name, probe := range map[string]kubeProbe{"startup": c.StartupProbe, "readiness": c.ReadinessProbe,
		"liveness": c.LivenessProbe} {
		paths[name] = probe.HTTPGet.Path
		if probe.HTTPGet.Port != "admin" {
			t.Errorf("the %s probe asks port %s", name, probe.HTTPGet.Port)
		}
		get(t, s, probe.HTTPGet.Path, 200)
	}
	if paths["liveness"] == "/readyz" || paths["readiness"] != "/readyz" {
		t.Errorf("the probes ask %v", paths)
	}
	if c.Resources.Limits["memory"] == "" || c.Resources.Limits["memory"] != c.Resources.Requests["memory"] {
		t.Errorf("memory is not bounded by what is asked for: %v", c.Resources)
	}
	labels := objects["Deployment"].Spec.Template.Metadata.Labels
	if app, _ := objects["Service"].Spec.Selector["app"].(string); app != labels["app"] || app == "" {
		t.Errorf("the service selects %v, the pods are %v", objects["Service"].Spec.Selector, labels)
	}
}

// kubernetesConfig is Weir's configuration in there, as Weir reads it.
func kubernetesConfig(t *testing.T, objects map[string]*kubeObject) Config {
	t.Helper()
	folder := t.TempDir()
	tokens := writeFile(t, folder, "admin-tokens", objects["Secret"].StringData["admin-tokens"])
	text := strings.Replace(objects["ConfigMap"].Data["weir.yaml"], "/etc/weir/secret/admin-tokens", tokens, 1)
	config, err := plain.loadConfig(&serveFlags{Config: writeFile(t, folder, "weir.yaml", text)}, thisMachine())
	if err != nil {
		t.Fatal(err)
	}
	return config
}

// TestDockerfile: the image is the binary and nothing else, started as everything here says that it is.
func TestDockerfile(t *testing.T) {
	var lines []string
	for line := range strings.Lines(deployed(t, "Dockerfile")) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			lines = append(lines, line)
		}
	}
	want := []string{"FROM scratch", "COPY weir /weir", "USER 65532:65532", "EXPOSE 8080 9090", "STOPSIGNAL SIGTERM",
		`ENTRYPOINT ["/weir", "serve"]`, `CMD ["--config", "/etc/weir/weir.yaml"]`}
	if got := strings.Join(lines, "\n"); got != strings.Join(want, "\n") {
		t.Errorf("the Dockerfile says\n%s", got)
	}
}
