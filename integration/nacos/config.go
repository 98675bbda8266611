package nacos

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// firstJars must come before all others: two jars bring the same classes, both
// are needed, and this one's must win.
var firstJars = []string{"hessian-4.0.63.jar"}

// opens are the packages into which the server reflects.
var opens = []string{"java.io", "java.lang", "java.util", "java.lang.reflect"}

// writeConfig creates the server's folders and its configuration file. The file
// is on the class path as well, because the server reads it before Spring does.
func (s *Server) writeConfig() error {
	secret := make([]byte, 36)
	if _, err := rand.Read(secret); err != nil {
		return err
	}
	key := base64.StdEncoding.EncodeToString(secret)
	properties := map[string]string{
		"server.address":                                s.Host(),
		"server.tomcat.basedir":                         "file:.",
		"nacos.server.main.port":                        fmt.Sprint(s.port),
		"nacos.server.contextPath":                      "/nacos",
		"nacos.inetutils.ip-address":                    s.Host(),
		"nacos.core.auth.enabled":                       "false",
		"nacos.core.auth.admin.enabled":                 "false",
		"nacos.core.auth.console.enabled":               "false",
		"nacos.core.auth.system.type":                   "nacos",
		"nacos.core.auth.server.identity.key":           "bluegreen-integration",
		"nacos.core.auth.server.identity.value":         key,
		"nacos.core.auth.plugin.nacos.token.secret.key": key,
		"nacos.naming.empty-service.auto-clean":         "true",
		"nacos.k8s.sync.enabled":                        "false",
		"management.elastic.metrics.export.enabled":     "false",
		"management.influx.metrics.export.enabled":      "false",
	}
	// The default of 3 seconds is too short to create the database on a busy machine;
	// the server gives up starting then.
	properties["db.pool.config.connectionTimeout"] = "120000"
	maps.Copy(properties, s.opts.Properties)
	var text strings.Builder
	for _, name := range slices.Sorted(maps.Keys(properties)) {
		fmt.Fprintf(&text, "%s=%s\n", name, properties[name])
	}
	for _, dir := range []string{"conf", "logs", "tmp"} {
		if err := os.MkdirAll(filepath.Join(s.home, dir), 0o755); err != nil {
			return err
		}
	}
	return os.WriteFile(filepath.Join(s.home, "conf", "application.properties"), []byte(text.String()), 0o600)
}

func (s *Server) javaArgs() []string {
	conf := filepath.Join(s.home, "conf")
	args := []string{
		"-Xms128m", fmt.Sprintf("-Xmx%dm", s.opts.HeapMB), "-XX:MaxMetaspaceSize=256m",
		"-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
		"-Djava.net.preferIPv4Stack=true",
		"-Djava.io.tmpdir=" + filepath.Join(s.home, "tmp"),
		"-Duser.home=" + s.home,
		"-Dnacos.standalone=true",
		"-Dnacos.home=" + s.home,
		"-Dnacos.logs.path=" + filepath.Join(s.home, "logs"),
		"-Dnacos.server.ip=" + s.Host(),
		"-Dnacos.remote.grpc.listen.ip=" + s.Host(),
	}
	for _, pkg := range opens {
		args = append(args, "--add-opens", "java.base/"+pkg+"=ALL-UNNAMED")
	}
	args = append(args, "--add-opens", "java.base/sun.net.util=ALL-UNNAMED")
	return append(args,
		"-cp", conf+string(os.PathListSeparator)+s.files.ClassPath(firstJars...),
		"bluegreen.integration.NacosMain",
		"--spring.config.additional-location=optional:file:"+conf+"/",
		fmt.Sprintf("--nacos.server.main.port=%d", s.port),
	)
}

// defaultPort is the one that every Nacos document names.
const defaultPort = 8848

// freeBlock finds an HTTP port whose whole block is free. A wanted port is taken
// or refused; without one it is the default, else any.
func freeBlock(want int) (int, error) {
	if want != 0 {
		if !blockFree(want) {
			return 0, fmt.Errorf("nacos: ports %d, %d, %d and %d are not all free", want-1000, want, want+1000, want+1001)
		}
		return want, nil
	}
	if blockFree(defaultPort) {
		return defaultPort, nil
	}
	for range 100 {
		l, err := net.Listen("tcp4", ":0")
		if err != nil {
			return 0, fmt.Errorf("nacos: %w", err)
		}
		port := l.Addr().(*net.TCPAddr).Port
		_ = l.Close()
		if blockFree(port) {
			return port, nil
		}
	}
	return 0, fmt.Errorf("nacos: no block of free ports found")
}

func blockFree(port int) bool {
	for _, p := range []int{port - 1000, port, port + 1000, port + 1001} {
		if p < 1 || p > 65535 {
			return false
		}
		l, err := net.Listen("tcp4", fmt.Sprintf(":%d", p))
		if err != nil {
			return false
		}
		_ = l.Close()
	}
	return true
}
