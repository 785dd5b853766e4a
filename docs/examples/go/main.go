// An MCP server that asks Gatehouse about every call. The standard library alone; `go run main.go` with Go 1.19 or newer.
package main

import (
	"encoding/json"
	"errors"
	"io"
	"log"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strings"
	"time"
)

var (
	issuer      = need("ISSUER")   // https://ai.example.com
	resource    = need("RESOURCE") // https://notes.example.com/mcp, as it is registered there
	askerID     = need("RESOURCE_SERVER_ID")
	askerSecret = need("RESOURCE_SERVER_SECRET")
	place       = mustParse(resource)
	metadata    = "/.well-known/oauth-protected-resource" + place.Path
	baseline    = []string{"mcp.connect", "links.read"}     // what a first connection is asked to request
	origins     = strings.Fields(os.Getenv("ORIGINS"))      // of the pages that may call: none, unless you name them
	bearer      = regexp.MustCompile(`(?i)^Bearer +(\S+)$`) // RFC 6750 §2.1
	wellFormed  = regexp.MustCompile(`^mcpv1_[0-9A-Za-z]{49}$`)
	introspect  = &http.Client{Timeout: 5 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error {
		return errors.New("introspection does not redirect")
	}}
)

const maxBodyBytes = 1 << 20

type identity struct {
	Active        *bool    `json:"active"`
	Issuer        string   `json:"iss"`
	Audience      string   `json:"aud"`
	Expires       float64  `json:"exp"`
	Scope         string   `json:"scope"`
	Handle        string   `json:"handle"`
	WithheldTools []string `json:"withheld_tools"`
}

type tool struct {
	name, description string
	scopes            []string
	run               func(identity) string
}

var tools = []tool{
	{"list_notes", "Lists notes.", []string{"links.read"}, func(c identity) string { return "The notes of @" + c.Handle }},
	{"add_note", "Adds a note.", []string{"links.write"}, func(c identity) string { return "Added for @" + c.Handle }},
}

// --- Refusals. One challenge, on one line; `error` is left out where no credential came (RFC 6750 §3.1).

type refusal struct {
	status            int
	code, text        string
	name, headerValue string // one more header
}

func challenged(status int, code, text, err string, scopes []string) *refusal {
	value := `resource_metadata="` + place.Scheme + "://" + place.Host + metadata + `", scope="` + strings.Join(scopes, " ") + `"`
	if err != "" {
		value = `error="` + err + `", error_description="` + text + `", ` + value
	}
	return &refusal{status, code, text, "WWW-Authenticate", "Bearer " + value}
}

func unauthorized(code, text string) *refusal {
	return challenged(401, code, text, "invalid_token", baseline)
}

func insufficient(text string, needed []string) *refusal {
	return challenged(403, "insufficient_scope", text, "insufficient_scope", needed)
}

func unavailable() *refusal {
	return &refusal{503, "temporarily_unavailable", "Credentials cannot be checked now.", "Retry-After", "5"}
}

// --- Who is calling

func credentialOf(r *http.Request) (string, *refusal) {
	found := bearer.FindStringSubmatch(r.Header.Get("Authorization"))
	if found == nil {
		text := "Send a bridge credential: Authorization: Bearer mcpv1_..."
		return "", challenged(401, "missing_bearer_token", text, "", baseline)
	}
	if !wellFormed.MatchString(found[1]) {
		return "", unauthorized("invalid_token_format", "This is no bridge credential.")
	}
	return found[1], nil
}

// Anything but a clear answer lets nobody in.
func identify(token string) (identity, *refusal) {
	var told identity
	body := strings.NewReader(url.Values{"token": {token}}.Encode())
	request, err := http.NewRequest("POST", issuer+"/oauth/introspect", body)
	if err != nil {
		return told, unavailable()
	}
	request.SetBasicAuth(askerID, askerSecret)
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	response, err := introspect.Do(request)
	if err != nil {
		return told, unavailable() // never the cause: it could quote the credential
	}
	defer response.Body.Close()
	err = json.NewDecoder(io.LimitReader(response.Body, maxBodyBytes)).Decode(&told)
	if err != nil || response.StatusCode != 200 || told.Active == nil || (*told.Active && told.Issuer != issuer) {
		return told, unavailable()
	}
	if !*told.Active || told.Audience != resource || told.Expires <= float64(time.Now().Unix()) {
		return told, unauthorized("invalid_token", "The credential is unknown, expired, revoked or not for this URL.")
	}
	return told, nil
}

func check(caller identity, needed []string) *refusal {
	var missing []string
	for _, scope := range needed {
		if !contains(strings.Fields(caller.Scope), scope) {
			missing = append(missing, scope)
		}
	}
	if missing != nil {
		return insufficient("Not approved yet: "+strings.Join(missing, " ")+".", needed)
	}
	return nil
}

// --- MCP: streamable HTTP without sessions

type message struct {
	ID     json.RawMessage `json:"id"`
	Method string          `json:"method"`
	Params struct {
		Name string `json:"name"`
	} `json:"params"`
}

type object map[string]any

func answerTo(asked message, caller identity) (any, *refusal) {
	switch asked.Method {
	case "initialize":
		server := object{"name": "Notes", "version": "1"}
		return object{"protocolVersion": "2025-06-18", "capabilities": object{"tools": object{}}, "serverInfo": server}, nil
	case "ping":
		return object{}, nil
	case "tools/list":
		shown := []object{}
		for _, each := range tools {
			if !contains(caller.WithheldTools, each.name) {
				schema := object{"type": "object"}
				shown = append(shown, object{"name": each.name, "description": each.description, "inputSchema": schema})
			}
		}
		return object{"tools": shown}, nil
	case "tools/call":
		return call(asked.Params.Name, caller)
	}
	return nil, nil
}

func call(name string, caller identity) (any, *refusal) {
	for _, each := range tools {
		if each.name != name {
			continue
		}
		needed := append([]string{"mcp.connect"}, each.scopes...)
		if contains(caller.WithheldTools, name) {
			return nil, insufficient("This tool is new: its person has to approve it first.", needed)
		}
		if no := check(caller, needed); no != nil {
			return nil, no
		}
		return object{"content": []object{{"type": "text", "text": each.run(caller)}}}, nil
	}
	return nil, &refusal{403, "unlisted_tool", "This server has no such tool.", "", ""}
}

func serve(w http.ResponseWriter, r *http.Request) *refusal {
	if origin := r.Header.Get("Origin"); origin != "" && !contains(origins, origin) {
		return &refusal{403, "origin_not_allowed", "This page may not call.", "", ""}
	}
	token, no := credentialOf(r)
	if no != nil {
		return no
	}
	caller, no := identify(token)
	if no == nil {
		no = check(caller, []string{"mcp.connect"})
	}
	if no != nil {
		return no
	}
	if r.Method != http.MethodPost {
		return &refusal{405, "method_not_allowed", "Use POST.", "Allow", "POST"}
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBodyBytes))
	if err != nil {
		return &refusal{413, "body_too_large", "The body is too large.", "", ""}
	}
	var asked message
	if !json.Valid(body) {
		send(w, 400, object{"jsonrpc": "2.0", "id": nil, "error": object{"code": -32700, "message": "Parse error"}})
		return nil
	}
	if json.Unmarshal(body, &asked) != nil || asked.Method == "" {
		return &refusal{400, "invalid_request", "Send one JSON-RPC request.", "", ""}
	}
	if asked.ID == nil {
		w.WriteHeader(202)
		return nil
	}
	result, no := answerTo(asked, caller)
	if no != nil {
		return no
	}
	told := object{"jsonrpc": "2.0", "id": asked.ID, "result": result}
	if result == nil {
		told = object{"jsonrpc": "2.0", "id": asked.ID, "error": object{"code": -32601, "message": "Method not found"}}
	}
	send(w, 200, told)
	return nil
}

func send(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(body)
}

func main() {
	http.HandleFunc(metadata, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Access-Control-Allow-Origin", "*")
		send(w, 200, object{"resource": resource, "authorization_servers": []string{issuer},
			"scopes_supported": baseline, "bearer_methods_supported": []string{"header"}})
	})
	http.HandleFunc(place.Path, func(w http.ResponseWriter, r *http.Request) {
		if no := serve(w, r); no != nil {
			if no.name != "" {
				w.Header().Set(no.name, no.headerValue)
			}
			send(w, no.status, object{"error": no.code, "error_description": no.text})
		}
	})
	address := os.Getenv("LISTEN")
	if address == "" {
		address = "127.0.0.1:8080"
	}
	server := &http.Server{Addr: address, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 20 * time.Second}
	log.Fatal(server.ListenAndServe())
}

func need(name string) string {
	value := os.Getenv(name)
	if value == "" {
		log.Fatalf("set %s", name)
	}
	return value
}

func mustParse(text string) *url.URL {
	parsed, err := url.Parse(text)
	if err != nil {
		log.Fatalf("%s is no URL", text)
	}
	return parsed
}

func contains(list []string, wanted string) bool {
	for _, each := range list {
		if each == wanted {
			return true
		}
	}
	return false
}
