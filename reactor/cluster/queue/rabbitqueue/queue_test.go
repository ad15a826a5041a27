package rabbitqueue

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"weir/cmd/needs"
	"weir/reactor/cluster/queue"
	"weir/reactor/cluster/queue/queuetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// serve runs a RabbitMQ server until the test ends. It takes about ten seconds to start.
func serve(t *testing.T) (address string) {
	t.Helper()
	needs.Programs(t, "calls through RabbitMQ are not tried", "rabbitmq-server", "epmd")
	address = needs.Port(t)
	_, port, _ := net.SplitHostPort(address)
	_, distribution, _ := net.SplitHostPort(needs.Port(t))
	_, names, _ := net.SplitHostPort(needs.Port(t))
	home := t.TempDir()
	mapper := exec.Command("epmd", "-port", names, "-address", "127.0.0.1") // or Erlang starts one that stays
	if err := mapper.Start(); err != nil {
		t.Fatal(err)
	}
	server := exec.Command("rabbitmq-server")
	server.Env = append(os.Environ(), "HOME="+home, "RABBITMQ_NODENAME=weir"+port+"@localhost",
		"RABBITMQ_NODE_IP_ADDRESS=127.0.0.1", "RABBITMQ_NODE_PORT="+port, "RABBITMQ_DIST_PORT="+distribution,
		"ERL_EPMD_ADDRESS=127.0.0.1", "ERL_EPMD_PORT="+names, "RABBITMQ_LOG_BASE="+home,
		"RABBITMQ_MNESIA_BASE="+filepath.Join(home, "mnesia"), "RABBITMQ_PID_FILE="+filepath.Join(home, "pid"),
		"RABBITMQ_ENABLED_PLUGINS_FILE="+filepath.Join(home, "plugins"))
	server.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // the program is a shell script
	log, err := os.Create(filepath.Join(home, "output"))
	if err != nil {
		t.Fatal(err)
	}
	server.Stdout, server.Stderr = log, log
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = syscall.Kill(-server.Process.Pid, syscall.SIGKILL)
		_ = server.Wait()
		_ = mapper.Process.Kill()
		_ = mapper.Wait()
		log.Close()
	})
	for end := time.Now().Add(2 * time.Minute); ; time.Sleep(100 * time.Millisecond) {
		c, err := net.Dial("tcp", address)
		if err == nil {
			c.Close()
			return address
		}
		if time.Now().After(end) {
			text, _ := os.ReadFile(log.Name())
			t.Fatalf("%v\n%s", err, text)
		}
	}
}

func TestRabbit(t *testing.T) {
	needs.Slow(t)
	address := serve(t)
	queuetest.Conformance(t, func(t *testing.T, c queue.Config) (queue.Queue, func(bool)) {
		wire := queuetest.NewWire(t, address)
		q, err := Open(fmt.Sprintf("amqp://guest:guest@%s/", wire.Address()), c)
		if err != nil {
			t.Fatal(err)
		}
		return q, wire.Cut
	})
	wire := queuetest.NewWire(t, address)
	t.Run("Frozen", func(t *testing.T) {
		queuetest.Frozen(t, wire, func(c queue.Config) (queue.Queue, error) {
			return Open(fmt.Sprintf("amqp://guest:guest@%s/", wire.Address()), c)
		})
	})
}
